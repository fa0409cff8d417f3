/*
 * vCPU threads: one host thread per vCPU, and what other threads may ask of it.
 *
 * A thread is in one of three places: parked (the machine is stopped), asleep (the vCPU is halted and has
 * no work; no host CPU), or busy: in runner->run() or in a work item. One mutex guards these; it is a leaf
 * (nothing else is taken while it is held), except that it is never held while guest code, work or exclusive
 * functions run.
 *
 * The protocol around vcpu->kick: whoever wants something of a vCPU first makes the request visible
 * (a pending bit, a queue entry), then kicks. The thread clears the word first and looks for requests
 * after that, so none is lost; a kick that finds the word set already has nothing to do.
 */
#ifndef AMPHI_CPUS_H
#define AMPHI_CPUS_H

#include "cpu/vcpu.h"
#include "softmmu/machine.h"

/* Makes the threads of all vCPUs, parked; they run once the machine is started. Does nothing for a machine
 * without runner. Called once, by machine_start(); public for tests. */
bool cpus_start_threads(Machine *machine);

/* Ends the threads and waits for them. The caller must not hold the machine lock. */
void cpus_stop_threads(Machine *machine);

/* Lets the vCPUs run. */
void cpus_resume(Machine *machine);

/* Parks the vCPUs and waits until all are, without the machine lock. On a vCPU's own thread it does not
 * wait: that vCPU parks at its next exit. */
void cpus_pause(Machine *machine);

/* The vCPU whose thread this is, or NULL. */
Vcpu *vcpu_current(void);

/* The host's id of @vcpu's thread, as the kernel counts threads; 0 if it has none. */
int vcpu_thread_id(const Vcpu *vcpu);

/* Queues @fn(@vcpu, @data) to be called by the vCPU's thread at its next exit, with exact state and no
 * locks, even if it is parked or halted; does not wait. In a machine without threads, calls it now. */
void vcpu_run_on(Vcpu *vcpu, void (*fn)(Vcpu *vcpu, void *data), void *data);

/* Calls @fn(@data) on this thread while no vCPU is busy. On a vCPU's thread, from within run(): the caller
 * itself counts as outside; another vCPU's exclusive function may run before this one, so whatever was
 * looked up before the call has to be looked up again. Nested calls run at once. The machine lock is
 * given up while waiting; @fn must not take it. */
void vcpus_run_exclusive(Machine *machine, void (*fn)(void *data), void *data);

#endif
