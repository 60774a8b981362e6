import Glibc
import Supervision
import TestSupport
import Testing

/// A pool that stands still (SIGSTOP, a suspended machine) while another one changes the pipeline.
@Suite("a pool that slept through a change of the shape")
struct FrozenPoolTests {
    @Test(
        "once it goes on, its edge takes no comment, says why and is not ready; its worker moves nothing",
        arguments: [
            "partitions: 2\nstages: [validate, route, publish]\n", "partitions: 4\nstages: [validate, publish]\n",
        ])
    func frozen(_ shape: String) throws {
        let world = try OutageWorld()
        let work = try world.launch("work", "--workers", "1")
        try world.waitForOwners(1)
        let edges = try EdgePool(world.server.url, workers: 1, arguments: ["--config", world.configuration])
        let client = HTTPClient(port: edges.port, timeout: 10)
        #expect(try client.post("/v1/comments", #"{"thread":"t0","text":"0"}"#).status == 202)
        try world.expectPublished(1)
        // The comments that the frozen edge will be sent: of every partition.
        let comments = (0..<16).map { #"{"thread":"s\#($0)","text":"0"}"# }

        let frozen = [work.pid, edges.process.pid] + world.workers(of: work) + Array(edges.pids)
        for pid in frozen { kill(pid, SIGSTOP) }
        // As if 15 seconds had passed since their last heartbeats.
        try world.server.cli("DEL", "comments:procs")
        let folder = try TemporaryFolder()
        let other = try folder.write(shape, to: "tidings.yaml")
        let second = try TidingsBinary.launch([
            "work", "--workers", "1", "--config", other, "--redis", world.server.url,
        ])
        try eventually(within: 20, "the second pool works: \(second.errors)") {
            try world.server.cli("ZCARD", "comments:procs") == "1"
                && world.server.cli("HGET", "comments:lane:incoming", "owner") != ""
        }
        for pid in frozen.reversed() { kill(pid, SIGCONT) }
        for comment in comments {
            let answer = try client.post("/v1/comments", comment)
            #expect(answer.status == 503, "\(answer.status) \(answer.text)")
            #expect(answer[header: "Retry-After"] != nil)
        }
        #expect(try client.get("/ready").status == 503)
        #expect(try client.get("/ready").text.contains("in Redis"))
        #expect(try client.post("/v1/comments", comments[0]).text.contains("in Redis"))
        #expect(try world.server.cli("KEYS", "{comments.*}:queue:*") == "", "nothing lies where nobody looks")
        // The second pool goes on, and has all its lanes.
        #expect(
            try TidingsBinary.run(
                ["enqueue", "--config", other, "--redis", world.server.url],
                input: #"{"thread":"x","text":"1"}"# + "\n"
            ).succeeded)
        let lastChannel = shape.contains("route") ? "feed.ids:{thread:x}" : ""
        if !lastChannel.isEmpty {
            try eventually(within: 15, "its event is published") { try world.server.cli("ZCARD", lastChannel) == "1" }
        }
        #expect(try world.server.cli("ZCARD", "comments:procs") == "1")
        second.send(SIGTERM)
        #expect(try second.wait(within: 15) == .code(0))
        try eventually(within: 20, "the first pool's shape fits again") { edges.readiness() == 200 }
        #expect(try client.post("/v1/comments", #"{"thread":"t1","text":"1"}"#).status == 202)
        withExtendedLifetime(work) {}
    }
}
