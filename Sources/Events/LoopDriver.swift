/// Drives a loop in place of the system: decides when its timers fire, and draws its random numbers. Simulators have
/// one; the loops of Tidings itself have none.
///
/// A driven loop is not run: its driver calls ``ManualTimers/fireNext()`` and ``ManualTimers/runDeferred()``, with the
/// time of ``Clock/simulate(monotonicNanoseconds:unixMilliseconds:)``.
package protocol LoopDriver: AnyObject {
    /// The timers and deferrals of the loop.
    var timers: ManualTimers { get }
    /// The next random number for an object of the loop.
    func random() -> UInt64
}

/// The timers and deferrals of a driven loop. They run only when the driver says so.
package final class ManualTimers {
    private struct Entry {
        let place: Place
        unowned let timer: Timer
    }

    /// Where a timer stands: when it is due, and, among those due at the same time, in the order of their scheduling.
    struct Place: Equatable {
        let due: Int64
        let number: Int

        fileprivate func precedes(_ other: Place) -> Bool {
            due != other.due ? due < other.due : number < other.number
        }
    }

    /// In the order in which they fire.
    private var entries: [Entry] = []
    private var deferred: [(id: ObjectIdentifier, action: () -> Void)] = []
    private var scheduled = 0

    package init() {}

    /// When the next timer is due, in nanoseconds of the monotonic clock; nil when none is scheduled.
    package var nextDue: Int64? { entries.first?.place.due }

    /// How many timers are due at a time of that clock.
    package func countDue(at time: Int64) -> Int {
        entries.prefix { $0.place.due <= time }.count
    }

    /// Fires the timer that is due next, whatever the time is.
    package func fireNext() {
        guard !entries.isEmpty else { return }
        entries.removeFirst().timer.fireManually()
    }

    /// Runs what was deferred to the end of the turn, until nothing is left. Call it after everything that runs code of
    /// the loop's objects.
    package func runDeferred() {
        while !deferred.isEmpty { deferred.removeFirst().action() }
    }

    func add(_ timer: Timer, after milliseconds: Int64) -> Place {
        scheduled += 1
        let place = Place(due: Clock.monotonicNanoseconds() + milliseconds * 1_000_000, number: scheduled)
        let index = entries.firstIndex { place.precedes($0.place) } ?? entries.count
        entries.insert(Entry(place: place, timer: timer), at: index)
        return place
    }

    func remove(_ place: Place) {
        entries.removeAll { $0.place == place }
    }

    func add(_ id: ObjectIdentifier, _ action: @escaping () -> Void) {
        guard !deferred.contains(where: { $0.id == id }) else { return }
        deferred.append((id, action))
    }

    func remove(_ id: ObjectIdentifier) {
        deferred.removeAll { $0.id == id }
    }
}

/// Random numbers for the objects of a loop: the system's, or those of the loop's driver.
package struct LoopGenerator: RandomNumberGenerator {
    private let driver: (any LoopDriver)?
    private var system = SystemRandomNumberGenerator()

    package init(of loop: EventLoop) {
        driver = loop.driver
    }

    package mutating func next() -> UInt64 {
        if let driver { driver.random() } else { system.next() }
    }
}
