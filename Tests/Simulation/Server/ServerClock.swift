import Foundation
import Glibc
import Synchronization
import TestSupport

/// The time of day of a simulated server: a page of memory that its process shares with this one.
///
/// The server runs with a small library of our own (`LD_PRELOAD`), which answers every question for the time of day from
/// that page: a few nanoseconds, where libfaketime reads a file. The library also gives the server random bytes that only
/// the number of its start decides, so that its hash tables have the same order each time, and spares it the wait for the
/// disk.
final class ServerClock {
    /// The environment variables of a server that has this clock.
    let environment: [String: String]
    private let page: UnsafeMutablePointer<Int64>

    /// Compiles the library.
    ///
    /// - Throws: ``TestSupportError`` when there is no clang, which every installation of Swift brings.
    init(in folder: TemporaryFolder) throws {
        let source = try folder.write(ServerClock.source, to: "clock.c")
        let library = folder.file("clock.so")
        let arguments = ["-O2", "-shared", "-fPIC", "-o", library, source, "-ldl"]
        let result: CommandResult
        do {
            result = try ChildProcess.run("clang", arguments)
        } catch {
            throw TestSupportError(
                "the simulator needs clang, which comes with Swift: put Swift's bin into PATH (\(error))")
        }
        guard result.succeeded else {
            throw TestSupportError("clang cannot compile the server's clock: \(result.errors)")
        }
        let file = folder.file("clock.page")
        let descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0, ftruncate(descriptor, 4096) == 0 else { throw ServerSocket.failure("open \(file)") }
        defer { close(descriptor) }
        guard let mapped = mmap(nil, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), mapped != MAP_FAILED
        else {
            throw ServerSocket.failure("mmap")
        }
        page = mapped.bindMemory(to: Int64.self, capacity: 2)
        environment = ["LD_PRELOAD": library, "SIMULATED_CLOCK": file]
    }

    deinit {
        munmap(page, 4096)
    }

    /// Sets the time of day, in milliseconds since 1970. The server has it with its next command.
    func set(_ milliseconds: Int64) {
        page[0] = milliseconds * 1000
        fence()
    }

    /// Sets the number of the server's next start, which decides its run id.
    func set(start: Int) {
        page[1] = Int64(start)
        fence()
    }

    /// The page is shared with another process: the write is to be visible before a command is sent.
    private func fence() {
        atomicMemoryFence(ordering: .sequentiallyConsistent)
    }

    private static let source = #"""
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <fcntl.h>
        #include <stdint.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/mman.h>
        #include <sys/time.h>
        #include <time.h>
        #include <unistd.h>

        /* Microseconds since 1970, and the number of this start. */
        static const volatile int64_t *now;
        static int (*clock_of_system)(clockid_t, struct timespec *);
        static FILE *(*open_of_system)(const char *, const char *);
        static char bytes[256];

        __attribute__((constructor)) static void start(void) {
            int file = open(getenv("SIMULATED_CLOCK"), O_RDONLY | O_CLOEXEC);
            if (file < 0) abort();
            void *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0);
            if (page == MAP_FAILED) abort();
            now = page;
            for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)(i * 37 + 11 + now[1] * (i < 8));
            close(file);
        }

        /* Constructors of other libraries may ask before ours has run. */
        static int64_t microseconds(void) { return now ? *now : 0; }

        int gettimeofday(struct timeval *restrict time, void *restrict zone) {
            int64_t value = microseconds();
            time->tv_sec = value / 1000000;
            time->tv_usec = value % 1000000;
            return 0;
        }

        time_t time(time_t *result) {
            time_t value = microseconds() / 1000000;
            if (result) *result = value;
            return value;
        }

        int clock_gettime(clockid_t clock, struct timespec *time) {
            if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE) {
                if (!clock_of_system) clock_of_system = dlsym(RTLD_NEXT, "clock_gettime");
                return clock_of_system(clock, time);
            }
            int64_t value = microseconds();
            time->tv_sec = value / 1000000;
            time->tv_nsec = value % 1000000 * 1000;
            return 0;
        }

        static FILE *open_file(const char *path, const char *mode) {
            if (!strcmp(path, "/dev/urandom")) return fmemopen(bytes, sizeof bytes, "r");
            if (!open_of_system) open_of_system = dlsym(RTLD_NEXT, "fopen64");
            return open_of_system(path, mode);
        }

        FILE *fopen(const char *path, const char *mode) { return open_file(path, mode); }
        FILE *fopen64(const char *path, const char *mode) { return open_file(path, mode); }
        int fsync(int file) { return 0; }
        int fdatasync(int file) { return 0; }
        """#
}
