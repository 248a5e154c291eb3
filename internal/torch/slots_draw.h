// Tokens drawn from rows of logits where these lie. The text is compiled twice:
// by NVRTC on a machine with a GPU (cuda/draw.cc), where a block of threads makes
// a row, and by the host's compiler (slots_draw.cc), for tests. A Team goes over
// a row's elements; all that it adds up is integers, so that a row's token does
// not depend on how many threads share it, nor on the machine.
//
// What is kept is found without sorting: a threshold on the bits of probabilities,
// three bits a pass.
#ifdef __CUDACC_RTC__
#define RADPO_DEVICE __device__ __forceinline__
#else
#define RADPO_DEVICE inline
#endif

namespace drawing {

using u32 = unsigned int;
using u64 = unsigned long long;

// A Draw is laid out as shim_draw.
struct Draw {
  int row, target, top_k, top, bias, bias_end, seen, seen_end;
  double temperature, top_p, min_p, penalty, uniform;
  int id;
  float logprob, drawn;
  int unused;
};

// A Change is laid out as shim_change.
struct Change {
  int id;
  float add;
};

constexpr int parts = 8, part_bits = 3;  // that a pass tells apart

union Word {
  float f;
  u32 u;
};
RADPO_DEVICE u32 bits(float f) {
  Word w;
  w.f = f;
  return w.u;
}
RADPO_DEVICE float from_bits(u32 u) {
  Word w;
  w.u = u;
  return w.f;
}

// order is a number that rises with x; NaN is above all.
RADPO_DEVICE u32 order(float x) {
  auto b = bits(x);
  return x != x ? ~0u : b ^ (b >> 31 ? ~0u : 1u << 31);
}
RADPO_DEVICE float of_order(u32 o) { return from_bits(o ^ (o >> 31 ? 1u << 31 : ~0u)); }

// exponential is e^z of z ≤ 0, by fused operations alone, which round alike
// everywhere; 0 below −40. The polynomial is that of Cephes' expf.
RADPO_DEVICE float exponential(float z) {
  if (!(z > -40)) return 0;
  float n = rintf(z * 1.44269504f);
  float r = fmaf(n, 2.12194440e-4f, fmaf(n, -0.693359375f, z));
  float p = fmaf(1.9875691500e-4f, r, 1.3981999507e-3f);
  p = fmaf(p, r, 8.3334519073e-3f);
  p = fmaf(p, r, 4.1665795894e-2f);
  p = fmaf(p, r, 1.6666665459e-1f);
  p = fmaf(p, r, 5.0000001201e-1f);
  p = fmaf(p, r * r, r) + 1.0f;
  return p * from_bits(static_cast<u32>(static_cast<int>(n) + 127) << 23);
}

// mass is a probability as a whole number of 2⁻⁴⁴: a row of 2¹⁹ fits into 64 bits.
constexpr float unit = 17592186044416.0f;
RADPO_DEVICE u64 mass(float e) { return static_cast<u64>(e * unit); }

// A Row is one row on its way to a token. Elements are kept whose probability,
// relative to the largest, has bits above `least`, or equal ones up to place `last`.
template <class Team>
struct Row {
  const Team &team;
  float *x;
  int n;
  float largest = 0, scale = 1;
  u32 least = 0;
  int last = 0;

  RADPO_DEVICE float e(int i) const { return exponential((x[i] - largest) * scale); }
  RADPO_DEVICE bool kept(u32 b, int i) const { return b > least || (b == least && i <= last); }

  // weigh is the mass of what is kept.
  RADPO_DEVICE u64 weigh() const {
    u64 sums[parts];
    team.sums(0, n, sums, [&](int i, u64(&into)[parts]) {
      auto p = e(i);
      into[0] += kept(bits(p), i) ? mass(p) : 0;
    });
    return sums[0];
  }

  // raise sets least so high that what is kept still weighs `want`, which it does
  // before: each its mass, or each 1. What lies above least weighs `above`, and
  // what equals it `equal`.
  RADPO_DEVICE void raise(u64 want, bool count, u64 &above, u64 &equal) {
    u32 low = 0;
    above = equal = 0;
    for (int shift = 27; shift >= 0; shift -= part_bits) {
      u64 sums[parts];
      team.sums(0, n, sums, [&](int i, u64(&into)[parts]) {
        auto p = e(i);
        auto b = bits(p);
        auto part = (b - low) >> shift;  // large if b is below low
        auto weight = !kept(b, i) ? 0 : count ? 1 : mass(p);
        for (u32 j = 0; j < parts; j++) into[j] += part == j ? weight : 0;
      });
      int j = parts - 1;
      while (j > 0 && above + sums[j] < want) above += sums[j--];
      low += static_cast<u32>(j) << shift;
      equal = sums[j];
    }
    least = low;
    last = n;
  }

  // pick is the first place at which what weight(i) says, added up, exceeds goal.
  template <class F>
  RADPO_DEVICE int pick(u64 goal, F weight) const {
    int from = 0, shift = 0;
    while ((static_cast<long long>(parts) << shift) < n) shift += part_bits;
    for (; shift >= 0; shift -= part_bits) {
      auto end = from + (static_cast<long long>(parts) << shift);
      u64 sums[parts];
      team.sums(from, end < n ? static_cast<int>(end) : n, sums, [&](int i, u64(&into)[parts]) {
        auto w = weight(i);
        for (int j = 0; j < parts; j++) into[j] += (i - from) >> shift == j ? w : 0;
      });
      int j = 0;
      while (j < parts - 1 && goal >= sums[j]) goal -= sums[j++];
      from += j << shift;
    }
    return from;
  }

  // keep_mass keeps the fewest of the largest that reach a share of the mass; of
  // equal ones the lower places.
  RADPO_DEVICE void keep_mass(double share) {
    auto want = static_cast<u64>(ceil(share * static_cast<double>(weigh())));
    u64 above, equal;
    raise(want < 1 ? 1 : want, false, above, equal);
    auto each = mass(from_bits(least));
    auto wanted = (want > above ? want - above + each - 1 : each) / each;
    auto level = least;
    if (wanted * each < equal) last = pick(wanted - 1, [&](int i) -> u64 { return bits(e(i)) == level; });
  }

  // keep_likely keeps what has at least p of the largest's probability.
  RADPO_DEVICE void keep_likely(double p) {
    auto f = static_cast<float>(p < 1 ? p : 1);
    auto b = bits(f) + (f < p && f < 1);
    if (b <= least) return;
    least = b;
    last = n;
  }

  // choose draws a place and tells how likely that was.
  RADPO_DEVICE int choose(const Draw &d, float &drawn) {
    u64 above, equal;
    if (d.top_k > 0 && d.top_k < n) raise(d.top_k, true, above, equal);
    if (d.top_p < 1) keep_mass(d.top_p);
    if (d.min_p > 0) keep_likely(d.min_p);
    auto total = weigh();
    auto goal = static_cast<u64>(d.uniform * static_cast<double>(total));
    auto id = pick(goal < total ? goal : total - 1, [&](int i) {
      auto p = e(i);
      return kept(bits(p), i) ? mass(p) : 0;
    });
    drawn = static_cast<float>(log(static_cast<double>(e(id)) * unit / static_cast<double>(total)));
    return id;
  }
};

// make is draw d of a row x [n], by one team; tokens d.seen … d.seen_end−1 of seen
// are penalised in place, and raw, as long as seen, keeps what they were.
template <class Team>
RADPO_DEVICE Draw make(const Team &team, float *x, int n, Draw d, const Change *seen, float *raw) {
  d.id = -1;
  d.logprob = d.drawn = 0;
  auto top = [&] { return static_cast<u32>(team.most(n, [&](int i) -> u64 { return order(x[i]); })); };
  auto largest = top();
  constexpr u32 infinity = 0xff800000u, minus_infinity = 0x007fffffu;  // in order
  if (largest >= infinity || largest <= minus_infinity) return d;
  Row<Team> row{team, x, n, of_order(largest), 1, 0, n};
  auto log_sum = row.largest + static_cast<float>(log(static_cast<double>(row.weigh()) / unit));
  auto many = d.seen_end - d.seen;
  if (d.target >= 0) {
    d.id = d.target;
    d.logprob = x[d.id] - log_sum;
    return d;
  }
  seen += d.seen;
  raw += d.seen;
  if (many > 0) {
    auto penalty = static_cast<float>(d.penalty);
    team.each(many, [&](int j) { raw[j] = x[seen[j].id]; });
    team.each(many, [&](int j) { x[seen[j].id] = raw[j] < 0 ? raw[j] * penalty : raw[j] / penalty; });
    row.largest = of_order(top());
  }
  if (d.temperature == 0) {
    d.id = row.pick(0, [&](int i) -> u64 { return x[i] == row.largest; });
  } else {
    row.scale = static_cast<float>(1 / d.temperature);
    d.id = row.choose(d, d.drawn);
  }
  auto before = team.most(many, [&](int j) -> u64 { return seen[j].id == d.id ? order(raw[j]) + 1ull : 0; });
  d.logprob = (before ? of_order(static_cast<u32>(before - 1)) : x[d.id]) - log_sum;
  return d;
}

}  // namespace drawing

#ifdef __CUDACC_RTC__
namespace drawing {

constexpr int threads = 1024, lanes = 32;

struct Block {
  // combine makes of every x what it is over all threads.
  template <int N, class F>
  __device__ __forceinline__ static void combine(u64 (&x)[N], F f) {
    __shared__ u64 warps[N][lanes], all[N];
    int warp = threadIdx.x / lanes, lane = threadIdx.x % lanes;
    auto across = [&](u64 y) {
      for (int d = lanes / 2; d > 0; d /= 2) y = f(y, __shfl_xor_sync(~0u, y, d));
      return y;
    };
    for (int j = 0; j < N; j++) {
      auto y = across(x[j]);
      if (lane == 0) warps[j][warp] = y;
    }
    __syncthreads();
    if (warp < N) {
      auto y = across(warps[warp][lane]);
      if (lane == 0) all[warp] = y;
    }
    __syncthreads();
    for (int j = 0; j < N; j++) x[j] = all[j];
  }
  template <class F>
  __device__ __forceinline__ void sums(int from, int to, u64 (&out)[parts], F f) const {
    for (int j = 0; j < parts; j++) out[j] = 0;
    for (int i = from + threadIdx.x; i < to; i += threads) f(i, out);
    combine(out, [](u64 a, u64 b) { return a + b; });
  }
  template <class F>
  __device__ __forceinline__ u64 most(int n, F f) const {
    u64 x[1] = {0};
    auto larger = [](u64 a, u64 b) { return a > b ? a : b; };
    for (int i = threadIdx.x; i < n; i += threads) x[0] = larger(x[0], f(i));
    combine(x, larger);
    return x[0];
  }
  template <class F>
  __device__ __forceinline__ void each(int n, F f) const {
    for (int i = threadIdx.x; i < n; i += threads) f(i);
    __syncthreads();
  }
};

}  // namespace drawing

extern "C" __global__ void __launch_bounds__(drawing::threads) radpo_draw(float *logits, int n, drawing::Draw *draws, const drawing::Change *seen, float *raw) {
  auto i = blockIdx.x;
  auto made = drawing::make(drawing::Block{}, logits + static_cast<long long>(i) * n, n, draws[i], seen, raw);
  if (threadIdx.x == 0) draws[i] = made;
}
#endif
