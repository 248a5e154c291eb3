// A type that torch's headers name; see ../nccl.cc.
#pragma once
typedef struct cublasLtContext *cublasLtHandle_t;
