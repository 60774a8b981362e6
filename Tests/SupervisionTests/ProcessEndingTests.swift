import Glibc
import Store
import Testing

@testable import Supervision

@Suite("how a child has ended")
struct ProcessEndingTests {
    private static let cases: [(Int32?, ProcessEnding.Request, ProcessEnding)] = [
        // A crash, the kernel when memory is short, an operator's kill, a child that hung: somebody saw it die.
        (SIGABRT, .nothing, .died), (SIGSEGV, .nothing, .died), (SIGKILL, .nothing, .died), (1 << 8, .nothing, .died),
        (SIGTERM, .nothing, .died),
        // It ended by itself, and in order.
        (0, .nothing, .unknown),
        // It did what it was asked, or was killed because its time was over.
        (0, .toEnd, .left), (SIGTERM, .toEnd, .left), (SIGHUP, .toEnd, .left), (SIGKILL, .killed, .left),
        (0, .killed, .left), (nil, .nothing, .left),
        // It crashed on its way out.
        (SIGABRT, .toEnd, .died), (SIGABRT, .killed, .died), (SIGKILL, .toEnd, .died), (1 << 8, .toEnd, .died),
    ]

    @Test(
        "a child that its supervisor killed because it was to stop has not died; every other violent end is a death",
        arguments: cases)
    func ending(_ status: Int32?, _ request: ProcessEnding.Request, _ expected: ProcessEnding) {
        #expect(ProcessEnding(status: status, asked: request) == expected)
    }
}
