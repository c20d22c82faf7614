/* Made by tests/abi/freeze.py when 1.0 was frozen; never edited. */
#include <squall/abi.h>

void anchor_sq_str(const sq_str *it) { (void)it; }
void anchor_sq_buf(const sq_buf *it) { (void)it; }
void anchor_sq_value(const sq_value *it) { (void)it; }
void anchor_sq_pair(const sq_pair *it) { (void)it; }
void anchor_sq_error(const sq_error *it) { (void)it; }
void anchor_sq_host(const sq_host *it) { (void)it; }
void anchor_sq_plugin(const sq_plugin *it) { (void)it; }
void anchor_sq_param(const sq_param *it) { (void)it; }
void anchor_sq_op(const sq_op *it) { (void)it; }
void anchor_sq_wants(const sq_wants *it) { (void)it; }
void anchor_sq_binding(const sq_binding *it) { (void)it; }
void anchor_sq_call(const sq_call *it) { (void)it; }
void anchor_sq_protocol(const sq_protocol *it) { (void)it; }
void anchor_sq_calls_api(const sq_calls_api *it) { (void)it; }
void anchor_sq_post(const sq_post *it) { (void)it; }
void anchor_sq_loop_api(const sq_loop_api *it) { (void)it; }
void anchor_sq_fdwatch_api(const sq_fdwatch_api *it) { (void)it; }
void anchor_sq_connect_opts(const sq_connect_opts *it) { (void)it; }
void anchor_sq_stream_info(const sq_stream_info *it) { (void)it; }
void anchor_sq_stream_events(const sq_stream_events *it) { (void)it; }
void anchor_sq_stream_api(const sq_stream_api *it) { (void)it; }
void anchor_sq_target_info(const sq_target_info *it) { (void)it; }
void anchor_sq_tls_info(const sq_tls_info *it) { (void)it; }
void anchor_sq_target_api(const sq_target_api *it) { (void)it; }
void anchor_sq_dgram_events(const sq_dgram_events *it) { (void)it; }
void anchor_sq_dgram_api(const sq_dgram_api *it) { (void)it; }
void anchor_sq_chunk(const sq_chunk *it) { (void)it; }
void anchor_sq_source_api(const sq_source_api *it) { (void)it; }
void anchor_sq_samples_api(const sq_samples_api *it) { (void)it; }
void anchor_sq_task(const sq_task *it) { (void)it; }
void anchor_sq_tasks(const sq_tasks *it) { (void)it; }
void anchor_sq_call_events(const sq_call_events *it) { (void)it; }
void anchor_sq_user_info(const sq_user_info *it) { (void)it; }
void anchor_sq_users_api(const sq_users_api *it) { (void)it; }
void anchor_sq_records_api(const sq_records_api *it) { (void)it; }
void anchor_sq_hist(const sq_hist *it) { (void)it; }
void anchor_sq_error_count(const sq_error_count *it) { (void)it; }
void anchor_sq_series_desc(const sq_series_desc *it) { (void)it; }
void anchor_sq_window(const sq_window *it) { (void)it; }
void anchor_sq_gauge(const sq_gauge *it) { (void)it; }
void anchor_sq_event(const sq_event *it) { (void)it; }
void anchor_sq_sample(const sq_sample *it) { (void)it; }
void anchor_sq_batch(const sq_batch *it) { (void)it; }
void anchor_sq_delivery(const sq_delivery *it) { (void)it; }
void anchor_sq_output(const sq_output *it) { (void)it; }
void anchor_entry(sq_plugin_entry_fn it) { (void)it; }
void anchor_status(sq_status it) { (void)it; }
