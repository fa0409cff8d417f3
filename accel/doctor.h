/*
 * `amphi doctor`: what this host offers for running guests, and what to do about what it does not.
 */
#ifndef AMPHI_ACCEL_DOCTOR_H
#define AMPHI_ACCEL_DOCTOR_H

#include "accel/kvm/kvm.h"

/* What the doctor asks the host beside KVM, so that tests can be another host. */
typedef struct DoctorHost {
    const KvmHost *kvm;
    bool (*has_virtualization)(void); /* VT-x or SVM */
    bool (*is_guest)(void);           /* a virtual machine itself */
    bool (*may_execute)(void);        /* memory that is written and then executed */
    bool (*may_read)(const char *path);
    int (*io_uring)(void); /* 0, or the errno of trying */
} DoctorHost;

extern const DoctorHost doctor_this_host;

/* Appends a line for each question. The number of those with a bad answer, each of which comes with the remedy. */
unsigned doctor_report(const DoctorHost *host, GString *out);

#endif
