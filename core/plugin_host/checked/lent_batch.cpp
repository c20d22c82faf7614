#include "plugin_host/checked/lent_batch.hpp"

namespace squall::checked {
namespace {

sq_hist copy(sq_hist histogram, lent::Memory& loan) {
  histogram.index = loan.copy(histogram.index, histogram.n);
  histogram.count = loan.copy(histogram.count, histogram.n);
  return histogram;
}

sq_series_desc copy(sq_series_desc series, lent::Memory& loan) {
  for (sq_str* text : {&series.population, &series.task, &series.name, &series.operation, &series.type, &series.agent}) {
    *text = loan.copy(*text);
  }
  series.tags = loan.copy_all(series.tags, series.n_tags);
  return series;
}

sq_window copy(sq_window window, lent::Memory& loan) {
  window.response = copy(window.response, loan);
  window.service = copy(window.service, loan);
  sq_error_count* const errors = loan.copy(window.errors, window.n_errors);
  for (std::uint64_t i = 0; errors && i < window.n_errors; ++i) errors[i].detail = loan.copy(errors[i].detail);
  window.errors = errors;
  return window;
}

sq_sample copy(sq_sample sample, lent::Memory& loan) {
  sample.detail = loan.copy(sample.detail);
  sample.record = loan.copy(sample.record);
  return sample;
}

sq_gauge copy(sq_gauge gauge, lent::Memory& loan) { return {loan.copy(gauge.name), gauge.value}; }

sq_event copy(sq_event event, lent::Memory& loan) { return {event.unix_ns, loan.copy(event.kind), loan.copy(event.text)}; }

template <typename T>
const T* copy(const T* items, std::uint64_t count, lent::Memory& loan) {
  T* const made = loan.copy(items, count);
  for (std::uint64_t i = 0; made && i < count; ++i) made[i] = copy(made[i], loan);
  return made;
}

}  // namespace

/// The host's strides are the sizes of its structs.
const sq_batch* lend(const sq_batch& batch, lent::Memory& loan) {
  sq_batch* const made = loan.copy(&batch, 1);
  const sq_series_desc** const series = loan.copy(const_cast<const sq_series_desc**>(batch.series), batch.n_series);
  for (std::uint64_t i = 0; series && i < batch.n_series; ++i) series[i] = copy(series[i], 1, loan);
  made->series = series;
  made->windows = copy(batch.windows, batch.n_windows, loan);
  made->samples = copy(batch.samples, batch.n_samples, loan);
  made->gauges = copy(batch.gauges, batch.n_gauges, loan);
  made->events = copy(batch.events, batch.n_events, loan);
  return made;
}

}  // namespace squall::checked
