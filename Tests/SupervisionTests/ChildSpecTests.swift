import Glibc
import Supervision
import TestSupport
import Testing

@Suite("the ids of children")
struct ChildSpecTests {
    @Test("no two pools give the same id, though host, process and place are the same, and no two starts")
    func ids() {
        var ids: [String] = []
        for _ in 0..<2 {
            for specs in [ChildSpec.workers(2, stages: []), ChildSpec.edges(2, flags: [], sockets: nil)] {
                for spec in specs { ids += [spec.launch(1000).id, spec.launch(1000).id] }
            }
        }
        #expect(ids.count == 16)
        #expect(Set(ids).count == 16, "\(ids)")
    }

    @Test("a child is told its id, its parent and its grace in seconds, after the flags of its command")
    func arguments() throws {
        let spec = try #require(ChildSpec.workers(1, stages: ["format"]).first)
        let launch = spec.launch(15_000)
        #expect(spec.name == "work-1" && spec.role == .worker)
        #expect(Array(launch.arguments[1...2]) == ["work", "format"])
        #expect(
            Array(launch.arguments.dropFirst(3))
                == ["--child", launch.id, "--parent", String(getpid()), "--grace", "15"])
    }

    @Test("an edge gets the descriptors of all sockets, its own first, under the numbers that its flags name")
    func sockets() throws {
        let sockets = try PoolSockets(host: "127.0.0.1", port: 0, count: 3)
        let specs = ChildSpec.edges(3, flags: ["--demo"], sockets: sockets)
        let first = try #require(specs.first).descriptors
        for (index, spec) in specs.enumerated() {
            #expect(spec.descriptors.first == first[index] && Set(spec.descriptors) == Set(first))
            let list = spec.descriptors.map(String.init).joined(separator: ",")
            #expect(Array(spec.launch(1000).arguments[2...4]) == ["--demo", "--listen-descriptors", list])
        }
    }

    @Test("the sockets for administration are handed on beside the others; of a unix socket all edges get the same one")
    func adminSockets() throws {
        let folder = try TemporaryFolder()
        let sockets = try PoolSockets(host: "127.0.0.1", port: 0, count: 2)
        let admin = try PoolSockets(unix: folder.file("admin.sock"))
        #expect(admin.port == 0)
        for (index, spec) in ChildSpec.edges(2, flags: [], sockets: sockets, admin: admin).enumerated() {
            let (own, shared) = (sockets.ordered(first: index), admin.ordered(first: index))
            #expect(shared == admin.ordered(first: 0) && shared.count == 1 && spec.descriptors == own + shared)
            let words = [own, shared].map { $0.map(String.init).joined(separator: ",") }
            #expect(
                Array(spec.launch(1000).arguments[2...5])
                    == ["--listen-descriptors", words[0], "--admin-descriptors", words[1]])
        }
    }
}
