// A type that torch's headers name; see ../nccl.cc.
#pragma once
typedef enum { CUSOLVER_STATUS_SUCCESS = 0, CUSOLVER_STATUS_EXECUTION_FAILED = 6, CUSOLVER_STATUS_INVALID_VALUE = 3 } cusolverStatus_t;
