#define _GNU_SOURCE
#include "CSpawn.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#define RANGE_CLOEXEC 4

/* Marks all but the standard three as close-on-exec: not every library does so with what it opens. */
static void keep_to_oneself(void)
{
    if (syscall(SYS_close_range, 3u, ~0u, RANGE_CLOEXEC) == 0) return;
    long last = sysconf(_SC_OPEN_MAX);
    if (last < 0 || last > 65536) last = 65536;
    for (int descriptor = 3; descriptor < last; descriptor++) {
        int flags = fcntl(descriptor, F_GETFD);
        if (flags >= 0) fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC);
    }
}

/* In the child, before it becomes the program. Only what is safe between fork and exec in a program with threads. */
static void become(char *const argv[], const int descriptors[3], pid_t parent)
{
    setpgid(0, 0);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return;
    /* The parent may have ended before the line above. */
    if (getppid() != parent) {
        errno = ESRCH;
        return;
    }
    struct sigaction standard = {.sa_handler = SIG_DFL};
    for (int number = 1; number < _NSIG; number++) sigaction(number, &standard, NULL);
    for (int target = 0; target < 3; target++) {
        if (dup2(descriptors[target], target) < 0) return;
    }
    keep_to_oneself();
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execvp(argv[0], argv);
}

/* Forks and has the child become the program. Returns 0 and the process id once that has happened, else an errno. */
static int start(char *const argv[], const int descriptors[3], pid_t *pid)
{
    /* Carries errno when the program could not be started, and ends without a word when it was. */
    int line[2];
    if (pipe2(line, O_CLOEXEC) != 0) return errno;
    /* No handler of the parent may run in the child. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child == 0) {
        const int end = fcntl(line[1], F_DUPFD_CLOEXEC, 3);
        if (end >= 0) {
            become(argv, descriptors, parent);
            const int failure = errno;
            (void)!write(end, &failure, sizeof failure);
        }
        _exit(127);
    }
    int code = child < 0 ? errno : 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(line[1]);
    if (child > 0) {
        int failure = 0;
        ssize_t count;
        do count = read(line[0], &failure, sizeof failure);
        while (count < 0 && errno == EINTR);
        if (count == sizeof failure) code = failure;
        if (code != 0) while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
    }
    close(line[0]);
    if (code == 0) *pid = child;
    return code;
}

int cspawn_start(char *const argv[], int pipes[3], pid_t *pid)
{
    int theirs[3] = {-1, -1, -1};
    int code = argv[0] == NULL ? EINVAL : 0;
    for (int index = 0; index < 3; index++) pipes[index] = -1;
    for (int index = 0; index < 3 && code == 0; index++) {
        int pair[2];
        if (pipe2(pair, O_CLOEXEC) != 0) {
            code = errno;
            break;
        }
        /* The first pipe leads to the child, the others from it. */
        const int own = index == 0 ? 1 : 0;
        pipes[index] = pair[own];
        /* Above the standard three, so that no dup2() in the child overwrites what the next one needs. */
        theirs[index] = fcntl(pair[1 - own], F_DUPFD_CLOEXEC, 3);
        if (theirs[index] < 0 || fcntl(pair[own], F_SETFL, O_NONBLOCK) != 0) code = errno;
        close(pair[1 - own]);
    }
    if (code == 0) code = start(argv, theirs, pid);
    for (int index = 0; index < 3; index++) {
        if (theirs[index] >= 0) close(theirs[index]);
        if (code != 0 && pipes[index] >= 0) close(pipes[index]);
    }
    return code;
}

int cspawn_watch(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

int cspawn_unread(int descriptor)
{
    int count = 0;
    return ioctl(descriptor, FIONREAD, &count) == 0 ? count : -1;
}
