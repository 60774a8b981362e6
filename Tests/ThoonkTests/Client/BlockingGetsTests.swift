import Testing

@testable import Thoonk

@Suite("blocking gets")
struct BlockingGetsTests {
    private func get(_ id: UInt64, limit: Int = 1, claim: Int64? = nil) -> BlockingGets.PendingGet {
        BlockingGets.PendingGet(id: id, limit: limit, claim: claim)
    }

    /// Gets in front of an empty list that is watched.
    private func asleep(_ ids: UInt64..., losesItems: Bool = false, wait: Int64? = nil) -> BlockingGets {
        var gets = BlockingGets(losesItems: losesItems, isConnected: true)
        for id in ids { _ = gets.handle(.joined(get(id))) }
        _ = gets.handle(.fetched(count: 0, wait: wait))
        _ = gets.handle(.lengthRead(0, isWatched: true))
        // Gets that came during the fetch cause another one only when the list changes.
        #expect(gets.phase == .sleeping(isWatched: true))
        return gets
    }

    @Test("a get reads the length of an empty list once, then sleeps without a timer until the list is written to")
    func sleep() {
        var gets = BlockingGets(losesItems: false, isConnected: true)
        #expect(gets.handle(.joined(get(1))) == [.wake(after: nil), .fetch(count: 1, claim: nil)])
        #expect(gets.handle(.fetched(count: 0, wait: nil)) == [.readLength])
        #expect(gets.handle(.lengthRead(0, isWatched: true)) == [.wake(after: nil)])
        #expect(gets.handle(.joined(get(2))) == [])
        #expect(gets.handle(.changed) == [.wake(after: nil), .fetch(count: 2, claim: nil)])
        #expect(
            gets.handle(.fetched(count: 2, wait: nil)) == [.deliver(1, 0..<1), .deliver(2, 1..<2)])
        #expect(gets.isOver)
    }

    @Test("items go to the gets that came first, each up to its limit; the others fetch again")
    func order() {
        var gets = asleep(1, 2)
        _ = gets.handle(.joined(get(3, limit: 5)))
        #expect(gets.handle(.changed) == [.wake(after: nil), .fetch(count: 7, claim: nil)])
        #expect(
            gets.handle(.fetched(count: 4, wait: nil)) == [
                .deliver(1, 0..<1), .deliver(2, 1..<2), .deliver(3, 2..<4),
            ])
        var again = asleep(1, 2)
        _ = again.handle(.changed)
        #expect(again.handle(.fetched(count: 1, wait: nil)) == [.deliver(1, 0..<1), .readLength])
        #expect(again.handle(.lengthRead(3, isWatched: true)) == [.wake(after: nil), .fetch(count: 1, claim: nil)])
    }

    @Test("items of a cancelled get go to the next get, or back into the list")
    func left() {
        var gets = asleep(1, 2)
        _ = gets.handle(.changed)
        #expect(gets.handle(.left(1)) == [])
        #expect(gets.handle(.fetched(count: 2, wait: nil)) == [.deliver(2, 0..<1), .putBack(1..<2)])
        #expect(gets.isOver)
        var last = asleep(1)
        _ = last.handle(.changed)
        _ = last.handle(.left(1))
        #expect(last.handle(.fetched(count: 1, wait: nil)) == [.putBack(0..<1)])
    }

    @Test("the last get that leaves a sleeping list cancels its timer")
    func lastLeaves() {
        var gets = asleep(1, 2)
        #expect(gets.handle(.left(1)) == [])
        #expect(gets.handle(.left(2)) == [.wake(after: nil)])
        #expect(gets.isOver)
        #expect(gets.handle(.changed) == [])
    }

    @Test("a list is fetched when a claim expires, and every two seconds when its changes are not reported")
    func timers() {
        var gets = BlockingGets(losesItems: false, isConnected: true)
        _ = gets.handle(.joined(get(1)))
        _ = gets.handle(.fetched(count: 0, wait: 700))
        #expect(gets.handle(.lengthRead(0, isWatched: true)) == [.wake(after: 700)])
        #expect(gets.handle(.due) == [.wake(after: nil), .fetch(count: 1, claim: nil)])
        _ = gets.handle(.fetched(count: 0, wait: nil))
        #expect(gets.handle(.lengthRead(0, isWatched: false)) == [.wake(after: 2000)])
        // Without reports the list may hold something for the new get.
        #expect(gets.handle(.joined(get(2))) == [.wake(after: nil), .fetch(count: 2, claim: nil)])
        _ = gets.handle(.fetched(count: 0, wait: 5000))
        #expect(gets.handle(.lengthReadFailed) == [.wake(after: 2000)])
    }

    @Test("a change while the length is read leads to a fetch")
    func dirty() {
        var gets = BlockingGets(losesItems: false, isConnected: true)
        _ = gets.handle(.joined(get(1)))
        _ = gets.handle(.fetched(count: 0, wait: nil))
        #expect(gets.handle(.changed) == [])
        #expect(
            gets.handle(.lengthRead(0, isWatched: true)) == [.wake(after: nil), .fetch(count: 1, claim: nil)])
    }

    @Test("gets with different claim times are served by different fetches")
    func claims() {
        var gets = BlockingGets(losesItems: false, isConnected: true)
        _ = gets.handle(.joined(get(1, claim: 100)))
        _ = gets.handle(.joined(get(2, claim: 200)))
        _ = gets.handle(.joined(get(3, claim: 100)))
        #expect(
            gets.handle(.fetched(count: 1, wait: nil)) == [
                .deliver(1, 0..<1), .wake(after: nil), .fetch(count: 1, claim: 200),
            ])
        #expect(
            gets.handle(.fetched(count: 1, wait: nil)) == [
                .deliver(2, 0..<1), .wake(after: nil), .fetch(count: 1, claim: 100),
            ])
    }

    @Test(
        "gets wait for a connection and then fetch; a get that may have lost an item fails",
        arguments: [
            false, true,
        ])
    func lost(losesItems: Bool) {
        var gets = BlockingGets(losesItems: losesItems, isConnected: true)
        _ = gets.handle(.joined(get(1)))
        _ = gets.handle(.joined(get(2)))
        // The fetch was for the first one only: the second came later.
        #expect(gets.handle(.fetchLost) == (losesItems ? [.fail(1, .uncertain)] : []))
        #expect(gets.handle(.lost) == [.wake(after: nil)])
        #expect(gets.handle(.joined(get(3))) == [])
        let count = losesItems ? 2 : 3
        #expect(gets.handle(.connected) == [.wake(after: nil), .fetch(count: count, claim: nil)])
        var sleeping = asleep(1)
        _ = sleeping.handle(.lost)
        #expect(sleeping.handle(.changed) == [])
        #expect(sleeping.handle(.connected) == [.wake(after: nil), .fetch(count: 1, claim: nil)])
    }

    @Test("a refusal fails all gets; after close a fetch under way still puts its items back")
    func failures() {
        var gets = asleep(1, 2)
        _ = gets.handle(.changed)
        #expect(
            gets.handle(.fetchRefused) == [.fail(1, .refused), .fail(2, .refused), .wake(after: nil)])
        #expect(gets.isOver)
        var closing = asleep(1)
        _ = closing.handle(.changed)
        #expect(closing.handle(.closed) == [.fail(1, .closed)])
        #expect(closing.handle(.fetched(count: 1, wait: nil)) == [.putBack(0..<1)])
    }
}
