#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "decode.h"
#include "kernels.h"

namespace {

// A Row is one row of logits on its way to a token. Its memory is reused.
struct Row {
  const Kernels &k = kernels();
  std::vector<float> logits, e;  // as they are changed; unnormalised probabilities
  std::vector<int32_t> found;
  std::vector<double> mass = std::vector<double>(bins);
  std::vector<int32_t> count = std::vector<int32_t>(bins);

  // A bin holds probabilities in (0, 1] that are equal in their first bits.
  static constexpr int shift = 19, bins = (0x3f800000 >> shift) + 2;
  static int bin(float p) {
    int32_t bits;
    std::memcpy(&bits, &p, sizeof bits);
    return bits >> shift;
  }

  void make(const float *row, int64_t n, shim_draw &d, const shim_change *changes, shim_alternative *top);
  const float *change(const float *row, int64_t n, const shim_draw &d, const shim_change *changes);
  void keep_largest(int k);
  void keep_mass(double share);
  void fill_bins();
  int choose(const shim_draw &d, double &total);
};

// likeliest lists the largest of row, ties by id.
void likeliest(const float *row, int64_t n, float log_sum, int wanted, shim_alternative *top) {
  auto before = [](const shim_alternative &a, const shim_alternative &b) {
    return a.logprob > b.logprob || (a.logprob == b.logprob && a.id < b.id);
  };
  int have = 0;
  for (int64_t i = 0; i < n; i++) {
    shim_alternative x{static_cast<int32_t>(i), row[i]};
    if (have == wanted) {
      if (!before(x, top[0])) continue;
      std::pop_heap(top, top + have--, before);
    }
    top[have++] = x;
    std::push_heap(top, top + have, before);
  }
  std::sort_heap(top, top + have, before);
  for (int i = 0; i < have; i++) top[i].logprob -= log_sum;
}

void Row::make(const float *row, int64_t n, shim_draw &d, const shim_change *changes, shim_alternative *top) {
  e.resize(n);
  float largest = k.largest(row, n);
  double total = k.exps(row, e.data(), n, largest, 1);
  d.id = -1, d.logprob = d.drawn = 0;
  if (!(total >= 1) || !std::isfinite(total)) return;  // one NaN or +Inf among the logits
  float log_sum = largest + static_cast<float>(std::log(total));
  if (d.top > 0) likeliest(row, n, log_sum, static_cast<int>(std::min<int64_t>(d.top, n)), top);
  if (d.target >= 0) {
    d.id = d.target;
  } else {
    auto from = change(row, n, d, changes);
    if (from != row) largest = k.largest(from, n);
    if (!std::isfinite(largest)) return;  // no token is left
    if (d.temperature == 0) {
      d.id = static_cast<int32_t>(std::find(from, from + n, largest) - from);
    } else {
      if (from != row || d.temperature != 1)
        total = k.exps(from, e.data(), n, largest, static_cast<float>(1 / d.temperature));
      d.id = choose(d, total);
      d.drawn = static_cast<float>(std::log(e[d.id] / total));
    }
  }
  d.logprob = row[d.id] - log_sum;
}

// change adds biases, and then divides positive logits of seen tokens by the
// penalty and multiplies negative ones, each once.
const float *Row::change(const float *row, int64_t n, const shim_draw &d, const shim_change *changes) {
  if (d.bias == d.bias_end && d.seen == d.seen_end) return row;
  logits.assign(row, row + n);
  for (auto i = d.bias; i < d.bias_end; i++) logits[changes[i].id] += changes[i].add;
  if (d.seen == d.seen_end) return logits.data();
  e = logits;
  auto penalty = static_cast<float>(d.penalty);
  for (auto i = d.seen; i < d.seen_end; i++) {
    auto id = changes[i].id;
    logits[id] = e[id] < 0 ? e[id] * penalty : e[id] / penalty;
  }
  return logits.data();
}

void Row::fill_bins() {
  std::fill(mass.begin(), mass.end(), 0);
  std::fill(count.begin(), count.end(), 0);
  for (auto p : e) {
    auto b = bin(p);
    mass[b] += p;
    count[b]++;
  }
}

// keep_largest zeroes all but the k largest; ties stay.
void Row::keep_largest(int k) {
  fill_bins();
  int b = bins - 1, above = 0;
  while (b > 0 && above + count[b] < k) above += count[b--];
  if (b == 0) return;
  logits.clear();
  for (auto p : e)
    if (bin(p) == b) logits.push_back(p);
  auto nth = logits.begin() + (k - above - 1);
  std::nth_element(logits.begin(), nth, logits.end(), std::greater<float>());
  for (auto &p : e)
    if (p < *nth) p = 0;
}

// keep_mass zeroes all but the smallest set of largest ones that reaches a share
// of the mass; of equal ones the lower ids.
void Row::keep_mass(double share) {
  fill_bins();
  double total = 0;
  for (auto m : mass) total += m;
  double want = share * total, kept = 0;
  int b = bins - 1;
  while (b > 0 && kept + mass[b] < want) kept += mass[b--];
  found.clear();
  for (size_t i = 0; i < e.size(); i++)
    if (bin(e[i]) == b) found.push_back(static_cast<int32_t>(i));
  std::sort(found.begin(), found.end(), [&](int32_t x, int32_t y) { return e[x] > e[y] || (e[x] == e[y] && x < y); });
  size_t n = 0;
  while (n < found.size() && (n == 0 || kept < want)) kept += e[found[n++]];
  auto least = e[found[n - 1]];
  auto last = found[n - 1];
  for (size_t i = 0; i < e.size(); i++)
    if (e[i] < least || (e[i] == least && static_cast<int32_t>(i) > last)) e[i] = 0;
}

// choose draws from e, whose largest is 1, and sets the mass that was kept.
int Row::choose(const shim_draw &d, double &total) {
  auto n = static_cast<int64_t>(e.size());
  if (d.top_k > 0 && d.top_k < n) keep_largest(d.top_k);
  if (d.top_p < 1) keep_mass(d.top_p);
  if (d.min_p > 0)
    for (auto &p : e)
      if (p < d.min_p) p = 0;
  const int64_t strip = 256;
  logits.assign((n + strip - 1) / strip, 0);
  total = 0;
  for (int64_t i = 0; i < n; i++) logits[i / strip] += e[i];
  for (auto part : logits) total += part;
  double goal = d.uniform * total, sum = 0;
  size_t at = 0;
  while (at + 1 < logits.size() && sum + logits[at] <= goal) sum += logits[at++];
  int last = -1;  // for a goal that rounding lost
  for (int64_t i = at * strip; i < n; i++) {
    if (e[i] == 0) continue;
    last = static_cast<int>(i);
    if ((sum += e[i]) > goal) return last;
  }
  return last >= 0 ? last : static_cast<int>(std::max_element(e.begin(), e.end()) - e.begin());
}

}  // namespace

void shim_draw_rows(const float *logits, int64_t vocabulary, shim_draw *draws, int n, const shim_change *changes,
                    shim_alternative *top, int wide) {
  at::parallel_for(0, n, 1, [&](int64_t begin, int64_t end) {
    thread_local Row row;
    for (auto i = begin; i < end; i++) row.make(logits + i * vocabulary, vocabulary, draws[i], changes, top + i * wide);
  });
}
