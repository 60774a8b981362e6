/* Starting a program that ends with the one who started it: posix_spawn() cannot ask the kernel for that. */
#pragma once

#include <sys/types.h>

/* Starts argv[0] (looked up in PATH when it has no slash) as the leader of a process group of its own.
   argv: the program's name and arguments, NULL at the end. It inherits three pipes as its descriptors 0, 1 and 2 and
   nothing else. Signals are as in a fresh shell: none blocked, none ignored.
   The kernel sends it SIGKILL when the calling thread ends, however that happens.
   Returns 0, the caller's ends of the pipes (non-blocking, close-on-exec; the caller closes them) and the process id; or
   the errno that says why it could not be started, and leaves nothing behind. */
int cspawn_start(char *const argv[], int pipes[3], pid_t *pid);

/* A descriptor that can be read once the child has ended; -1 where the kernel has none (before Linux 5.3). */
int cspawn_watch(pid_t pid);

/* The bytes that were written to a pipe and that nobody has read, asked at either end; -1 when it is no pipe. Holds also
   after the reader has gone. */
int cspawn_unread(int descriptor);
