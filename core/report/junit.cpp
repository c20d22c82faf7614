#include "report/junit.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <libxml/xmlwriter.h>

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "report/clean_text.hpp"
#include "report/utc_text.hpp"

namespace squall {
namespace {

/// What a case did not bear out; no element: it passed.
struct Outcome {
  enum class Kind { passed, failure, error, skipped } kind = Kind::passed;
  std::string type, message;
};

struct Case {
  std::string group, name;
  double seconds = 0;
  Outcome outcome;
};

std::string joined(const std::vector<std::string>& sentences) { return fmt::format("{}", fmt::join(sentences, "; ")); }

/// A broken threshold has a case of its own; all else that is wrong is the run's.
Case run_case(const RunResult& result) {
  Case run{"", "run completed", static_cast<double>(result.info.duration_ns) / 1e9, {}};
  const Verdict& verdict = result.verdict;
  if (verdict.word == VerdictWord::passed && verdict.exit_code == 0) return run;
  if (verdict.word == VerdictWord::failed && verdict.exit_code == 99) return run;
  const bool is_about_target = verdict.word == VerdictWord::passed || verdict.word == VerdictWord::failed;
  run.outcome = {is_about_target ? Outcome::Kind::failure : Outcome::Kind::error, std::string(verdict_word(verdict.word)),
                 joined(verdict.reasons)};
  return run;
}

Case threshold_case(const ThresholdResult& threshold) {
  Case one{"thresholds", threshold.rule, 0, {}};
  const std::string value = fmt::format("{}{:.6g} {}", threshold.cut > 0 ? "at least " : "", threshold.value, threshold.unit);
  if (!threshold.passed) one.outcome = {Outcome::Kind::failure, "threshold", threshold.reason.empty() ? value : threshold.reason};
  else if (!threshold.judged) one.outcome = {Outcome::Kind::skipped, "", threshold.reason};
  return one;
}

class Document {
 public:
  Document() : buffer_(xmlBufferCreate(), xmlBufferFree), writer_(xmlNewTextWriterMemory(buffer_.get(), 0), xmlFreeTextWriter) {
    xmlTextWriterSetIndent(writer_.get(), 1);
    xmlTextWriterStartDocument(writer_.get(), nullptr, "UTF-8", nullptr);
  }
  void begin(const char* element) { xmlTextWriterStartElement(writer_.get(), of(element)); }
  void attribute(const char* name, std::string_view value) {
    xmlTextWriterWriteAttribute(writer_.get(), of(name), of(clean_text(value).c_str()));
  }
  void end() { xmlTextWriterEndElement(writer_.get()); }
  std::string text() {
    xmlTextWriterEndDocument(writer_.get());
    xmlTextWriterFlush(writer_.get());
    return reinterpret_cast<const char*>(xmlBufferContent(buffer_.get()));
  }

 private:
  static const xmlChar* of(const char* text) { return reinterpret_cast<const xmlChar*>(text); }
  std::unique_ptr<xmlBuffer, decltype(&xmlBufferFree)> buffer_;
  std::unique_ptr<xmlTextWriter, decltype(&xmlFreeTextWriter)> writer_;
};

void write_totals(Document& document, const std::vector<Case>& cases, const RunResult& result) {
  const auto number_of = [&](Outcome::Kind kind) {
    std::size_t count = 0;
    for (const Case& one : cases) count += one.outcome.kind == kind;
    return std::to_string(count);
  };
  document.attribute("tests", std::to_string(cases.size()));
  document.attribute("failures", number_of(Outcome::Kind::failure));
  document.attribute("errors", number_of(Outcome::Kind::error));
  document.attribute("skipped", number_of(Outcome::Kind::skipped));
  document.attribute("time", fmt::format("{:.3f}", static_cast<double>(result.info.duration_ns) / 1e9));
}

void write_case(Document& document, const Case& one, const std::string& scenario) {
  document.begin("testcase");
  document.attribute("classname", fmt::format("squall.{}{}{}", scenario, one.group.empty() ? "" : ".", one.group));
  document.attribute("name", one.name);
  document.attribute("time", fmt::format("{:.3f}", one.seconds));
  if (one.outcome.kind != Outcome::Kind::passed) {
    document.begin(one.outcome.kind == Outcome::Kind::failure ? "failure" : one.outcome.kind == Outcome::Kind::error ? "error" : "skipped");
    if (!one.outcome.type.empty()) document.attribute("type", one.outcome.type);
    document.attribute("message", one.outcome.message);
    document.end();
  }
  document.end();
}

}  // namespace

std::string junit_xml(const RunResult& result) {
  std::vector<Case> cases = {run_case(result)};
  for (const ThresholdResult& threshold : result.thresholds) cases.push_back(threshold_case(threshold));
  Document document;
  document.begin("testsuites");
  document.attribute("name", "squall");
  write_totals(document, cases, result);
  document.begin("testsuite");
  document.attribute("name", result.info.scenario);
  write_totals(document, cases, result);
  document.attribute("timestamp", utc_text(result.info.started_unix_ns));
  document.begin("properties");
  const std::pair<const char*, std::string> properties[] = {{"run", result.info.id},
                                                            {"seed", std::to_string(result.info.seed)},
                                                            {"verdict", std::string(verdict_word(result.verdict.word))},
                                                            {"exit_code", std::to_string(result.verdict.exit_code)},
                                                            {"warnings", joined(result.verdict.warnings)}};
  for (const auto& [name, value] : properties) {
    document.begin("property");
    document.attribute("name", name);
    document.attribute("value", value);
    document.end();
  }
  document.end();
  for (const Case& one : cases) write_case(document, one, result.info.scenario);
  document.end();
  document.end();
  return document.text();
}

}  // namespace squall
