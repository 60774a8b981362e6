import Events
import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

/// An actor on the thread of a loop, with a timer.
private actor Lodger {
    let thread: LoopThread
    private var timer: Events.Timer?
    private var visits = 0
    private var isInside = false

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    init(name: String = "lodger") throws {
        thread = try LoopThread(name: name)
    }

    var hasLoop: Bool { EventLoop.current != nil }

    func threadID() -> UInt { UInt(pthread_self()) }

    func visit() {
        precondition(!isInside, "two at a time")
        isInside = true
        visits += 1
        isInside = false
    }

    func count() -> Int { visits }

    /// The thread on which a timer of the loop calls its action.
    func timerThread() async throws -> UInt {
        let loop = try #require(EventLoop.current)
        return await withCheckedContinuation { continuation in
            timer = Events.Timer(on: loop) {
                self.preconditionIsolated()
                continuation.resume(returning: UInt(pthread_self()))
            }
            timer?.schedule(after: 1)
        }
    }

    func leave() {
        timer = nil
        thread.stop()
    }
}

/// Each test counts the threads with its own name.
@Suite("the thread of a loop")
struct LoopThreadTests {
    @Test("an actor's code, and the timers that it makes, run on the loop's one thread")
    func one() async throws {
        let lodger = try Lodger()
        #expect(await lodger.hasLoop)
        let thread = await lodger.threadID()
        #expect(try await lodger.timerThread() == thread)
        #expect(thread != UInt(pthread_self()))
        await lodger.leave()
    }

    @Test("outside of a loop there is no current one; inside there is, also one within another")
    func current() throws {
        #expect(EventLoop.current == nil)
        let outer = try EventLoop()
        let inner = try EventLoop()
        var seen: [Bool] = []
        let second = Events.Timer(on: inner) { seen.append(EventLoop.current === inner) }
        let first = Events.Timer(on: outer) {
            second.schedule(after: 0)
            inner.run()
            seen.append(EventLoop.current === outer)
        }
        first.schedule(after: 0)
        outer.run()
        #expect(seen == [true, true])
        #expect(EventLoop.current == nil)
    }

    @Test("jobs from many tasks are run, each once and one at a time")
    func many() async throws {
        let lodger = try Lodger()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<16 {
                group.addTask { for _ in 0..<500 { await lodger.visit() } }
            }
        }
        #expect(await lodger.count() == 8000)
        await lodger.leave()
    }

    @Test("an actor whose thread was stopped still answers, without a loop, until it is released")
    func late() async throws {
        let lodger = try Lodger(name: "lodger-late")
        await lodger.leave()
        try await gone("lodger-late")
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 { group.addTask { for _ in 0..<50 { await lodger.visit() } } }
        }
        #expect(await lodger.count() == 400)
        #expect(await !lodger.hasLoop)
    }

    @Test("a hundred threads come and go and leave no thread and no descriptor behind")
    func hundred() async throws {
        let before = descriptors()
        for _ in 0..<100 {
            let lodger = try Lodger(name: "lodger-100")
            await lodger.visit()
            await lodger.leave()
        }
        try await gone("lodger-100")
        // Other tests open and close descriptors at the same time; a leak would be two hundred.
        let deadline = Deadline(in: 10)
        while descriptors() > before + 60, !deadline.isOver { try await Task.sleep(for: .milliseconds(5)) }
        #expect(descriptors() <= before + 60)
    }

    private func gone(_ name: String) async throws {
        let deadline = Deadline(in: 10)
        while threads(called: name) > 0, !deadline.isOver { try await Task.sleep(for: .milliseconds(2)) }
        #expect(threads(called: name) == 0)
    }

    private func threads(called name: String) -> Int {
        let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
        return tasks.count { task in
            (try? String(contentsOfFile: "/proc/self/task/\(task)/comm", encoding: .utf8)) == name + "\n"
        }
    }

    private func descriptors() -> Int {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0
    }
}
