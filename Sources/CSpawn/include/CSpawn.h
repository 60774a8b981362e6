/* Starting programs, and what happens when the process that started them ends. posix_spawn() can ask the kernel for
   neither, and Swift can call neither fork() nor prctl(). */
#pragma once

/* Process ids are int here, which is pid_t: a system header would make its types this module's in Swift. */

/* Starts argv[0] (looked up in PATH when it has no slash) as the leader of a process group of its own, in the
   environment and the working folder of this process. Its signals are those of a fresh shell: none blocked, none
   ignored.
   argv: the program's name and arguments, NULL at the end.
   inherited: descriptors that it gets under the same numbers. All others but the standard three are closed.
   pipes: NULL leaves it the standard three of this process. Otherwise it gets three pipes as its descriptors 0, 1 and
   2, and the caller gets their other ends here (non-blocking, close-on-exec; the caller closes them).
   parent_death_signal: the kernel sends it when the calling thread ends, however that happens; 0: none.
   Returns 0 and the process id; or the errno that says why it could not be started, and leaves nothing behind. */
int cspawn_start(char *const argv[], const int *inherited, int inherited_count, int *pipes, int parent_death_signal,
                 int *pid);

/* A descriptor that can be read once the child has ended; -1 where the kernel has none (before Linux 5.3). */
int cspawn_exit_descriptor(int pid);

/* The bytes that were written to a pipe and not read yet, asked at either end; -1 when it is no pipe. Still known after
   the reader has ended. */
int cspawn_unread(int descriptor);

/* Has SIGTERM come when the parent of this process ends, and ends this process so many seconds later if it still runs.
   Takes SIGUSR2 and SIGALRM. Not kept over exec. */
void cspawn_end_with_parent(unsigned seconds);

/* Makes this process the new parent of its descendants whose parents end. */
void cspawn_adopt_orphans(void);
