import TestSupport
import Testing
import Thoonk

/// Every verb of a job feed, done by both sides and seen by both.
@Suite("a job feed shared with thoonk.py")
struct JobInteropTests {
    private let world: InteropWorld
    private let job: Job
    private let python: PythonThoonkClient

    init() throws {
        world = try InteropWorld()
        job = world.client.job("work")
        python = try world.python.client()
    }

    /// What a feed should hold.
    private struct Model {
        var waiting: [String] = []
        var claimed: [String] = []
        var stalled: Set<String> = []
        var items: [String: String] = [:]
        var cancelled: [String: Int] = [:]
        var publishes = 0
        var finishes = 0
    }

    @discardableResult
    private func ask(_ verb: String, _ arguments: ParsedJSON..., keywords: [String: ParsedJSON] = [:]) throws
        -> ParsedJSON
    {
        switch arguments.count {
        case 0: try python.call("job", "work", verb, keywords: keywords)
        case 1: try python.call("job", "work", verb, arguments[0], keywords: keywords)
        default: try python.call("job", "work", verb, arguments[0], arguments[1], keywords: keywords)
        }
    }

    private func expect(_ model: Model, _ comment: Comment) async throws {
        #expect(try await job.waiting() == model.waiting, comment)
        #expect(try await Set(job.claimed()) == Set(model.claimed), comment)
        #expect(try await Set(job.stalled()) == model.stalled, comment)
        #expect(try await Set(job.ids()) == Set(model.items.keys), comment)
        #expect(try Set(ask("get_ids").strings) == Set(model.items.keys), comment)
        let counts = try await job.counts()
        #expect((counts.publishes, counts.finishes) == (model.publishes, model.finishes), comment)
        let ids = Array(model.items.keys)
        let items = try python.callAll("job", "work", ids.map { ("get_item", $0) })
        #expect(items.map(\.string) == ids.map { model.items[$0] }, comment)
        let cancelled = try python.callAll("job", "work", ids.map { ("get_failure_count", $0) })
        #expect(cancelled.map(\.integer) == ids.map { model.cancelled[$0, default: 0] }, comment)
    }

    private func put(_ item: String, first: Bool, bySwift: Bool, _ model: inout Model) async throws {
        let id =
            bySwift
            ? try await job.put(item, priority: first)
            : try #require(try ask("put", .string(item), keywords: ["priority": .bool(first)]).string)
        model.waiting.insert(id, at: first ? 0 : model.waiting.count)
        model.items[id] = item
        model.publishes += 1
    }

    /// One side takes the job that is next, with its item and its count of cancels.
    private func get(bySwift: Bool, _ model: inout Model, _ comment: Comment) async throws {
        let id = model.waiting.removeFirst()
        if bySwift {
            let claim = try #require(try await job.get(timeout: .zero, claimTimeout: .seconds(600)), comment)
            #expect((claim.id, claim.text) == (id, model.items[id] ?? ""), comment)
            #expect(claim.cancelled == model.cancelled[id, default: 0], comment)
        } else {
            let claim = try ask("get", 1).array ?? []
            let cancelled = model.cancelled[id, default: 0]
            #expect(claim == [.string(id), .string(model.items[id] ?? ""), .integer(cancelled)], comment)
        }
        model.claimed.append(id)
    }

    /// One side ends a claim that either of them has made.
    private func end(_ verb: String, bySwift: Bool, _ model: inout Model) async throws {
        let id = model.claimed.removeFirst()
        switch (verb, bySwift) {
        case ("finish", true): #expect(try await job.finish(id: id, result: "done") == .done)
        case ("cancel", true): #expect(try await job.cancel(id: id) == .done)
        case ("stall", true): #expect(try await job.stall(id: id) == .done)
        case ("finish", false): try ask("finish", .string(id), "done")
        default: try ask(verb, .string(id))
        }
        switch verb {
        case "finish":
            model.items[id] = nil
            model.cancelled[id] = nil
            model.finishes += 1
        case "cancel":
            model.waiting.append(id)
            model.cancelled[id, default: 0] += 1
        default:
            model.stalled.insert(id)
            model.cancelled[id] = nil
        }
    }

    private func retry(bySwift: Bool, _ model: inout Model) async throws {
        guard let id = model.stalled.min() else { return }
        if bySwift { #expect(try await job.retry(id)) } else { try ask("retry", .string(id)) }
        model.stalled.remove(id)
        model.waiting.append(id)
    }

    private func retract(_ id: String?, bySwift: Bool, _ model: inout Model) async throws {
        guard let id else { return }
        if bySwift { #expect(try await job.retract(id)) } else { try ask("retract", .string(id)) }
        model.waiting.removeAll { $0 == id }
        model.claimed.removeAll { $0 == id }
        model.stalled.remove(id)
        model.items[id] = nil
        model.cancelled[id] = nil
    }

    @Test("a job goes through all its states in the hands of both sides")
    func verbs() async throws {
        var model = Model()
        for round in 0..<16 {
            // Each side does each verb, after the same and after the other side.
            let sides = (0..<4).map { (round >> $0) & 1 == 0 }
            for number in 0..<6 {
                let item = number == 0 ? "" : "job ä\0☃ \(round).\(number)"
                try await put(item, first: number == 5, bySwift: sides[number % 2], &model)
            }
            try await expect(model, "put in round \(round)")
            for number in 0..<5 {
                try await get(bySwift: sides[number % 2 + 1], &model, "round \(round)")
            }
            try await expect(model, "got in round \(round)")
            for (number, verb) in ["finish", "cancel", "stall", "stall"].enumerated() {
                try await end(verb, bySwift: sides[(number + 2) % 4], &model)
            }
            try await expect(model, "ended in round \(round)")
            try await retry(bySwift: sides[3], &model)
            try await expect(model, "retried in round \(round)")
            switch round % 4 {
            case 0: try await retract(model.waiting.last, bySwift: sides[2], &model)
            case 1: try await retract(model.claimed.last, bySwift: sides[2], &model)
            case 2: try await retract(model.stalled.max(), bySwift: sides[2], &model)
            default: break
            }
            try await expect(model, "retracted in round \(round)")
        }
        for id in model.stalled { #expect(try await job.retry(id)) }
        for claim in model.claimed { try ask("finish", .string(claim)) }
        for claim in try await job.get(upTo: 1000, timeout: .zero) { #expect(try await job.finish(claim) == .done) }
        // thoonk.py leaves the deadlines of the claims that it ends; they are removed when they pass.
        let left = try world.keys().filter { $0 != "feed.deadlines:work" }
        #expect(left == ["feed.config:work", "feed.finishes:work", "feed.publishes:work", "feeds"])
    }

    @Test("the deadline of a claim that thoonk.py has ended is removed when it passes, and takes nothing back")
    func staleDeadline() async throws {
        let ids = try await job.put(all: ["finished", "stalled", "retracted"])
        _ = try await job.get(upTo: 3, claimTimeout: .milliseconds(50))
        try ask("finish", .string(ids[0]))
        try ask("stall", .string(ids[1]))
        try ask("retract", .string(ids[2]))
        try await soon("the deadlines are gone") {
            #expect(try await job.maintenance().takenBack == 0)
            return try world.server.cli("EXISTS", "feed.deadlines:work") == "0"
        }
        let counts = try await job.counts()
        #expect((counts.waiting, counts.claimed, counts.stalled, counts.items) == (0, 0, 1, 1))
    }

    @Test("a claim that was lost to thoonk.py can no longer be finished, and thoonk.py's can")
    func fence() async throws {
        let id = try await job.put("slow")
        let slow = try #require(try await job.get(claimTimeout: .milliseconds(50)))
        try await soon("the claim is over") { try await job.maintenance().takenBack == 1 }
        #expect(try ask("get", 1).array == [.string(id), "slow", 1])
        for outcome in [
            try await job.finish(slow), try await job.cancel(slow), try await job.stall(slow),
            try await job.extend(slow, by: .seconds(1)),
        ] {
            #expect(outcome == .lost)
        }
        #expect(try await job.claimed() == [id])
        try ask("finish", .string(id))
        #expect(try await job.finish(slow) == .notClaimed)
        #expect(try await job.counts().finishes == 1)
    }

    @Test("a claim of thoonk.py that never ends is ended when the feed says how long claims last")
    func foreignClaim() async throws {
        try await job.create(claimTimeout: .milliseconds(100))
        let id = try #require(try ask("put", "left behind").string)
        try ask("get", 1)
        _ = try await job.maintenance()
        // Only the waiting get ends the claim.
        let claim = try #require(try await job.get(timeout: .seconds(20), claimTimeout: .seconds(60)))
        #expect((claim.id, claim.cancelled) == (id, 1))
        #expect(try await job.finish(claim) == .done)
    }

    /// thoonk.py retries whatever it is told to: its test for what is not stalled is never true.
    @Test("a job that thoonk.py has retried though it waited is in the list twice, and worked once")
    func doubled() async throws {
        let id = try await job.put("once")
        try ask("retry", .string(id))
        #expect(try await job.waiting() == [id, id])
        let claim = try #require(try await job.get(timeout: .zero))
        #expect(try await job.get(timeout: .zero) == nil)
        #expect(try await job.finish(claim) == .done)
        #expect(try world.keys() == ["feed.config:work", "feed.finishes:work", "feed.publishes:work", "feeds"])
    }

    /// thoonk.py's maintenance puts back what is in no list at the moment, also what is just being taken.
    @Test("a job that maintenance of thoonk.py has put back while it was taken is worked once")
    func maintained() async throws {
        let id = try await job.put("once")
        // The first half of a get of thoonk.py.
        #expect(try world.server.cli("RPOP", "feed.ids:work") == id)
        #expect(try await job.maintenance().putBack == 0)
        try ask("maintenance")
        // The second half.
        try world.server.cli("ZADD", "feed.claimed:work", "1700000000000", id)
        #expect(try await job.waiting() == [id])
        #expect(try await job.get(timeout: .zero) == nil)
        try ask("finish", .string(id), "done")
        #expect(try await job.counts().finishes == 1)
        #expect(try await job.waiting() == [])
    }
}
