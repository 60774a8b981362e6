import Events
import Glibc
import TestSupport
import Testing

@Suite("this process")
struct ThisProcessTests {
    @Test("the name of the host is that of the system")
    func host() throws {
        let system = try ChildProcess.run("cat", ["/proc/sys/kernel/hostname"])
        #expect(HostName.current == system.output.split(separator: "\n").first.map(String.init))
    }

    @Test("the memory of this process is known, that of a process that does not exist is 0")
    func memory() {
        #expect((1000..<100_000_000).contains(ProcessMemory.residentKilobytes()))
        #expect(ProcessMemory.residentKilobytes(of: .max) == 0)
    }
}
