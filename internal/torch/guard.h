// How the shim's functions take tensors and tell of failures: the words of the
// thread's last one are what shim_error gives.
#pragma once
#include <ATen/ATen.h>

#include <exception>
#include <optional>
#include <string>

#include "shim.h"

inline thread_local std::string last_error;

inline at::Tensor &ref(shim_tensor t) { return *static_cast<at::Tensor *>(t); }
inline std::optional<at::Tensor> maybe(shim_tensor t) { return t ? std::make_optional(ref(t)) : std::nullopt; }

// guard runs f and turns an exception into `failed` and the thread's last error.
template <class R, class F>
R guard(R failed, F f) {
  try {
    return f();
  } catch (const c10::Error &e) {
    last_error = e.what_without_backtrace();
  } catch (const std::exception &e) {
    last_error = e.what();
  }
  return failed;
}

template <class F>
int run(F f) {
  return guard(-1, [&] {
    f();
    return 0;
  });
}

template <class F>
shim_tensor make(F f) {
  return guard(shim_tensor(nullptr), [&] { return shim_tensor(new at::Tensor(f())); });
}
