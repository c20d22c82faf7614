// What a payload holds: texts, fields, repeated items, packed numbers, forms, and how it is encoded.
#include <zlib.h>
#include <zstd.h>

#include <nlohmann/json.hpp>

#include "payload/compression.hpp"
#include "payload_fixture.hpp"

namespace squall {
namespace {

std::string inflate_all(std::string_view bytes, int window_bits) {
  z_stream stream{};
  if (inflateInit2(&stream, window_bits) != Z_OK) return "";
  std::string out(1 << 22, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int status = inflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return status == Z_STREAM_END ? out : "broken";
}

TEST_F(PayloadTest, RendersTexts) {
  EXPECT_EQ(render("\"hello ${user.index}\""), "hello 7");
  EXPECT_EQ(render("{\"text\": \"n=${add(user.index,1)}\"}"), "n=8");
  EXPECT_EQ(make("{\"text\": \"x\"}").content_type, "text/plain; charset=utf-8");
  EXPECT_EQ(make("\"x\"").content_type, "");
  EXPECT_EQ(make("{\"text\": \"x\", \"content_type\": \"text/csv\"}").content_type, "text/csv");
  std::string_view view;
  EXPECT_TRUE(body.contiguous(view));
}

TEST_F(PayloadTest, ConstantBodiesAreKept) {
  const auto constant = make("{\"text\": \"always\"}");
  EXPECT_TRUE(constant.is_constant());
  EXPECT_EQ(constant.fixed_size(), 6u);
  EXPECT_EQ(render(constant), "always");
  EXPECT_FALSE(make("{\"text\": \"${uuid}\"}").is_constant());
  EXPECT_EQ(make("{\"text\": \"${uuid}\"}").fixed_size(), UINT64_MAX);
  EXPECT_TRUE(make("{\"json\": {\"a\": [1, 2.5, null]}}").is_constant());
  EXPECT_EQ(render("\"\""), "");
}

TEST_F(PayloadTest, ReadsTemplatesFromFiles) {
  write("air.json", "{\"id\":\"${pages.site}\",\"no2\":${rand.int(5,5)}}\n");
  write("p1.txt", "/ABC\r\n1-0:1.8.1(${fixed(12.5,3)}*kWh)\r\n!${crc16()}\r\n");
  const auto air = make("{\"template\": \"air.json\"}");
  EXPECT_EQ(air.content_type, "application/json");
  EXPECT_EQ(render(air), "{\"id\":\"s\\\"1\",\"no2\":5}\n");
  const std::string telegram = render("{\"template\": \"p1.txt\"}");
  const std::string before = "/ABC\r\n1-0:1.8.1(12.500*kWh)\r\n!";
  char crc[8];
  std::snprintf(crc, sizeof crc, "%04X", crc16_arc(before));
  EXPECT_EQ(telegram, before + crc + "\r\n");
  EXPECT_EQ(mistake("{\"template\": \"none.json\"}"),
            "cannot read '" + folder + "/none.json': No such file or directory");
  write("bad.json", "{\"a\": \"${nope}\"}");
  EXPECT_EQ(mistake("{\"template\": \"bad.json\"}"),
            "bad.json: unknown name 'nope' (at character 10)");
}

TEST_F(PayloadTest, FieldsAreComputedInTheirOrder) {
  const auto payload = make(
      "{\"json\": {\"n\": \"${n}\", \"double\": \"${twice}\", \"state\": \"${state}\", \"tag\": "
      "\"${tag}\"},"
      " \"fields\": {\"n\": \"${seq(10)}\", \"twice\": \"${mul(n,2)}\", \"state\": {\"choice\": "
      "{\"free\": 1}},"
      " \"tag\": {\"user\": \"${user.index}\"}}}");
  EXPECT_EQ(render(payload), "{\"n\":10,\"double\":20,\"state\":\"free\",\"tag\":{\"user\":7}}");
  EXPECT_EQ(render(payload), "{\"n\":11,\"double\":22,\"state\":\"free\",\"tag\":{\"user\":7}}");
  EXPECT_EQ(mistake("{\"text\": \"${a}\", \"fields\": {\"a\": \"${b}\", \"b\": 1}}"),
            "field 'a': unknown name 'b' (at character 3)");
  EXPECT_EQ(mistake("{\"text\": \"${statu}\", \"fields\": {\"status\": 1}}"),
            "text: unknown name 'statu' (did you mean 'status'?) (at character 3)");
  EXPECT_EQ(mistake("{\"text\": \"\", \"fields\": {\"uuid\": 1}}"),
            "'uuid' is a generator; give the field another name");
  EXPECT_EQ(mistake("{\"text\": \"\", \"fields\": {\"token\": 1}}"),
            "the field 'token' hides a name of the scenario");
  EXPECT_EQ(render("{\"text\": \"${a}\", \"fields\": {\"a\": \"${token}\"}}"),
            "error: payload 'p': field 'a': 'token' has no value");
}

TEST_F(PayloadTest, EachRepeatsAnItem) {
  const auto lanes = make(
      "{\"json\": {\"lanes\": [\"${lanes}\"], \"count\": 3},"
      " \"each\": {\"lanes\": {\"count\": 3, \"fields\": {\"v\": \"${mul(index,10)}\"}, \"json\": "
      "{\"lane\": \"${index}\", \"v\": \"${v}\"}}}}");
  EXPECT_EQ(
      render(lanes),
      "{\"lanes\":[{\"lane\":0,\"v\":0},{\"lane\":1,\"v\":10},{\"lane\":2,\"v\":20}],\"count\":3}");
  EXPECT_EQ(render("{\"text\": \"<${rows}>\", \"each\": {\"rows\": {\"count\": 2, \"text\": "
                   "\"r${index}\", \"separator\": \";\"}}}"),
            "<r0;r1>");
  EXPECT_EQ(
      render("{\"text\": \"<${rows}>\", \"each\": {\"rows\": {\"count\": 0, \"text\": \"r\"}}}"),
      "<>");
  EXPECT_EQ(mistake("{\"text\": \"${v}\", \"each\": {\"rows\": {\"count\": 2, \"fields\": {\"v\": "
                    "1}, \"text\": \"r\"}}}"),
            "text: unknown name 'v' (at character 3)");
}

TEST_F(PayloadTest, PadsToAnExactSize) {
  const auto padded = make(
      "{\"json\": {\"n\": \"${seq}\", \"u\": \"${uuid}\", \"pad\": \"${filler}\"}, \"pad\": "
      "{\"field\": \"filler\", \"to\": \"1kB\"}}");
  EXPECT_EQ(padded.fixed_size(), 1000u);
  for (int i = 0; i < 12; ++i) {
    const std::string text = render(padded);
    EXPECT_EQ(text.size(), 1000u);
    EXPECT_TRUE(text.starts_with("{\"n\":" + std::to_string(i) + ","));  // seq moves once a message
  }
  EXPECT_EQ(
      render(
          "{\"protobuf\": {\"1\": \"${f}\", \"2\": 5}, \"pad\": {\"field\": \"f\", \"to\": 300}}")
          .size(),
      300u);
  EXPECT_EQ(render("{\"text\": \"too long${f}\", \"pad\": {\"field\": \"f\", \"to\": 4}}"),
            "error: payload 'p': 8 bytes do not fit into 4");
  EXPECT_EQ(render("{\"text\": \"${hex.encode(f)}\", \"pad\": {\"field\": \"f\", \"to\": 5}}"),
            "error: payload 'p': the size 5 cannot be reached by padding");
}

TEST_F(PayloadTest, PacksBytes) {
  const struct {
    const char *json, *hex;
  } rows[] = {
      {"[{\"u8\": 255}, {\"i8\": -1}]", "ffff"},
      {"[{\"u16le\": 258}, {\"u16be\": 258}]", "02010102"},
      {"[{\"u24be\": 66051}, {\"i24le\": -2}]", "010203feffff"},
      {"[{\"u32le\": 16909060}, {\"u32be\": \"${add(16909059,1)}\"}]", "0403020101020304"},
      {"[{\"u48be\": 1}, {\"i64le\": -2}, {\"u64be\": 9223372036854775807}]",
       "000000000001feffffffffffffff7fffffffffffffff"},
      {"[{\"f32le\": 1.5}, {\"f64be\": -2}]", "0000c03fc000000000000000"},
      {"[{\"text\": \"AB${user.index}\"}, {\"hex\": \"FF d8\"}, {\"zero\": 3}]",
       "414237ffd8000000"},
      {"[{\"text\": \"123456789\"}, {\"crc16\": \"be\"}]", "313233343536373839bb3d"},
      {"[{\"text\": \"123456789\"}, {\"crc32\": \"le\"}]", "3132333435363738392639f4cb"},
      {"[{\"bits\": [{\"3\": 5}, {\"5\": 1}, {\"12\": 4095}, {\"4\": 0}]}]", "a1fff0"},
      {"[{\"sized\": {\"u16be\": [{\"text\": \"abc\"}, {\"u8\": 1}]}}]", "000461626301"},
      {"[{\"repeat\": {\"count\": 3, \"bytes\": [{\"u8\": \"${seq(1)}\"}]}}]", "010203"},
      {"[{\"u16le\": {\"uniform\": [7, 7]}}]", "0700"},
  };
  for (const auto& row : rows)
    EXPECT_EQ(hex(render("{\"bytes\": " + std::string(row.json) + "}")), row.hex) << row.json;
  EXPECT_EQ(render("{\"bytes\": [{\"random\": 13}]}").size(), 13u);
  EXPECT_EQ(render("{\"bytes\": [{\"u8\": \"${mul(user.index,100)}\"}]}"),
            "error: payload 'p': u8: 700 does not fit");
  EXPECT_EQ(render("{\"bytes\": [{\"u8\": \"${pages.path}\"}]}"),
            "error: payload 'p': 'a/b' is not a number");
  EXPECT_EQ(mistake("{\"bytes\": [{\"u8\": 300}]}"), "u8: 300 does not fit");
  EXPECT_EQ(mistake("{\"bytes\": [{\"u16\": 3}]}"),
            "bytes: 'u16' needs its byte order (u16le or u16be)");
  EXPECT_EQ(mistake("{\"bytes\": [{\"bits\": [{\"3\": 1}]}]}"),
            "bytes: 'bits' makes 3 bits, not whole bytes");
}

TEST_F(PayloadTest, WritesProtobuf) {
  const struct {
    const char *json, *hex;
  } rows[] = {
      {"{\"1\": 150}", "089601"},                      // the format's own first example
      {"{\"2\": \"testing\"}", "120774657374696e67"},  // and its second
      {"{\"3\": {\"1\": 150}}", "1a03089601"},         // and the third
      {"{\"1\": -1}", "08ffffffffffffffffff01"},
      {"{\"1\": {\"sint\": -1}, \"2\": {\"sint\": 2147483647}}", "080110feffffff0f"},
      {"{\"1\": 1.5}", "09000000000000f83f"},
      {"{\"1\": {\"float\": 1.5}, \"2\": {\"fixed32\": 1}, \"3\": {\"fixed64\": 1}}",
       "0d0000c03f1501000000190100000000000000"},
      {"{\"1\": true, \"16\": {\"bool\": 0}}", "0801800100"},
      {"{\"1\": [1, 2]}", "08010802"},
      {"{\"1\": {\"string\": 12}, \"2\": {\"bytes\": \"00ff\"}}", "0a023132120200ff"},
      {"{\"1\": {\"each\": {\"count\": 2, \"of\": {\"1\": \"${seq}\"}}}}", "0a0208000a020801"},
      {"{\"1\": \"${user.index}\"}", "0807"},
      {"{\"3\": {\"message\": {}}}", "1a00"},
  };
  for (const auto& row : rows)
    EXPECT_EQ(hex(render("{\"protobuf\": " + std::string(row.json) + "}")), row.hex) << row.json;
  EXPECT_EQ(mistake("{\"protobuf\": {\"0\": 1}}"), "protobuf: '0' is not a protobuf field number");
  EXPECT_EQ(mistake("{\"protobuf\": {\"1\": {\"flaot\": 1}}}"),
            "protobuf: field 1: unknown protobuf type 'flaot' (did you mean 'float'?)");
}

TEST_F(PayloadTest, EncodesBodies) {
  const auto packed = make(
      "{\"json\": {\"n\": \"${user.index}\", \"t\": \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}, "
      "\"encode\": \"gzip\"}");
  EXPECT_EQ(packed.content_encoding, "gzip");
  const std::string expected = "{\"n\":7,\"t\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}";
  const std::string gzip = render(packed);
  EXPECT_LT(gzip.size(), expected.size() + 18);
  EXPECT_EQ(inflate_all(gzip, 15 + 16), expected);
  EXPECT_EQ(render(packed), gzip);
  EXPECT_EQ(inflate_all(render("{\"text\": \"constant\", \"encode\": \"deflate\"}"), 15),
            "constant");
  const std::string zstd = render("{\"text\": \"${user.index} zstd\", \"encode\": \"zstd\"}");
  std::string back(100, '\0');
  back.resize(ZSTD_decompress(back.data(), back.size(), zstd.data(), zstd.size()));
  EXPECT_EQ(back, "7 zstd");
  EXPECT_EQ(
      inflate_all(render("{\"size\": \"100kB\", \"compressible\": 4, \"encode\": \"gzip\"}"), 31)
          .size(),
      100'000u);
  EXPECT_EQ(mistake("{\"text\": \"a\", \"encode\": \"gzp\"}"),
            "unknown encoding 'gzp' (did you mean 'gzip'?)");
}

TEST_F(PayloadTest, WritesCborAndMessagePack) {
  const auto cbor =
      make("{\"json\": {\"n\": \"${user.index}\", \"x\": [1.5, \"t\"]}, \"format\": \"cbor\"}");
  EXPECT_EQ(cbor.content_type, "application/cbor");
  const nlohmann::json expected = {{"n", 7}, {"x", {1.5, "t"}}};
  EXPECT_EQ(nlohmann::json::from_cbor(render(cbor)), expected);
  EXPECT_EQ(
      nlohmann::json::from_msgpack(render(
          "{\"json\": {\"n\": \"${user.index}\", \"x\": [1.5, \"t\"]}, \"format\": \"msgpack\"}")),
      expected);
}

TEST_F(PayloadTest, BuildsMultipartForms) {
  write("plate.jpg", "JPEGBYTES");
  const auto form = make(
      "{\"multipart\": [{\"name\": \"event\", \"json\": {\"n\": \"${seq}\"}}, {\"name\": \"note\", "
      "\"text\": \"hi\"},"
      " {\"name\": \"plate\", \"filename\": \"a\\\"b.jpg\", \"file\": \"plate.jpg\"}, {\"name\": "
      "\"blob\", \"size\": \"5MB\", \"source\": \"zero\"}]}");
  ASSERT_TRUE(form.content_type.starts_with("multipart/form-data; boundary="));
  const std::string mark =
      "--" + form.content_type.substr(std::string("multipart/form-data; boundary=").size());
  const std::string text = render(form);
  const std::string begin =
      mark +
      "\r\nContent-Disposition: form-data; name=\"event\"\r\nContent-Type: "
      "application/json\r\n\r\n{\"n\":0}\r\n" +
      mark + "\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhi\r\n" + mark +
      "\r\nContent-Disposition: form-data; name=\"plate\"; filename=\"a%22b.jpg\"\r\nContent-Type: "
      "image/jpeg\r\n\r\n"
      "JPEGBYTES\r\n" +
      mark +
      "\r\nContent-Disposition: form-data; name=\"blob\"\r\nContent-Type: "
      "application/octet-stream\r\n\r\n";
  EXPECT_EQ(text.substr(0, begin.size()), begin);
  const std::string end = "\r\n" + mark + "--\r\n";
  EXPECT_EQ(text.substr(text.size() - end.size()), end);
  EXPECT_EQ(text.size(), begin.size() + 5'000'000 + end.size());
}

TEST_F(PayloadTest, BodiesCanBeShortened) {
  const auto form = make(
      "{\"multipart\": [{\"name\": \"a\", \"text\": \"${user.index}\"},"
      " {\"name\": \"b\", \"size\": \"5MB\"}]}");
  std::string error, out;
  ASSERT_TRUE(render_payload(form, scope, body, error));
  body.truncate(1'000'000);
  EXPECT_EQ(body.size(), 1'000'000u);
  ASSERT_TRUE(body.append_all(out, error));
  EXPECT_EQ(out.size(), 1'000'000u);
  body.truncate(0);
  Chunk chunk;
  EXPECT_FALSE(body.next(100, chunk));
}

TEST_F(PayloadTest, ReusesItsMemory) {
  const auto payload = make("{\"text\": \"${rand.string(500)}\"}");
  std::string error;
  ASSERT_TRUE(render_payload(payload, scope, body, error));
  const char* const memory = body.buffer().data();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(render_payload(payload, scope, body, error));
  EXPECT_EQ(body.buffer().data(), memory);
}

TEST_F(PayloadTest, RefusesMistakesWithAHint) {
  const struct {
    const char *json, *error;
  } rows[] = {
      {"{}", "a payload needs one of template, text, json, bytes, protobuf, size, file, multipart"},
      {"[1]",
       "a payload is a text or one of template, text, json, bytes, protobuf, size, file, "
       "multipart"},
      {"{\"text\": \"a\", \"json\": 1}", "a payload is one thing, not both 'text' and 'json'"},
      {"{\"txt\": \"a\"}", "unknown key 'txt' in a payload (did you mean 'text'?)"},
      {"{\"text\": \"a\", \"feilds\": 1}",
       "unknown key 'feilds' in a payload (did you mean 'fields'?)"},
      {"{\"text\": \"a\", \"entropy\": 1}", "'text' takes no 'entropy'"},
      {"{\"text\": [1]}", "'text' takes a text (write json: for a tree)"},
      {"{\"text\": \"a ${uiid}\"}",
       "text: unknown name 'uiid' (did you mean 'uuid'?) (at character 5)"},
      {"{\"size\": \"2kb\"}",
       "size: unknown unit 'kb' in '2kb' (did you mean 'kB'? sizes take B kB MB GB KiB MiB GiB)"},
      {"{\"size\": -3}", "size: '-3' is negative"},
      {"{\"size\": 5, \"source\": \"zeros\"}",
       "unknown source 'zeros' (did you mean 'zero'?)"},
      {"{\"size\": 5, \"source\": \"zero\", \"entropy\": 1}",
       "only one of source, entropy, compressible can be given"},
      {"{\"size\": 5, \"entropy\": 9}", "entropy: '9' is not within 0 and 8 bits per byte"},
      {"{\"size\": 5, \"magic\": \"ffd\"}", "magic: 'ffd' is no even number of hex digits"},
      {"{\"multipart\": [{\"text\": \"a\"}]}", "a part of 'multipart' needs 'name'"},
      {"{\"multipart\": [{\"name\": \"x\", \"txt\": \"a\"}]}",
       "part 'x': unknown key 'txt' in a payload (did you mean 'text'?)"},
      {"{\"json\": {}, \"format\": \"cobr\"}",
       "unknown format 'cobr' (did you mean 'cbor'?)"},
  };
  for (const auto& row : rows) EXPECT_EQ(mistake(row.json), row.error) << row.json;
}

}  // namespace
}  // namespace squall
