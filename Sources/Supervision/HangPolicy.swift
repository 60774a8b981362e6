/// When a supervisor kills a child that sends no heartbeats. Pure: times are passed in, in milliseconds.
///
/// The age of a heartbeat comes from the clock of Redis, which can step, and a child sends none while the machine
/// sleeps or everything on it is frozen. So a child hangs only when all of this is true:
///
/// - Its last heartbeat is older than ``silence``.
/// - For as long, this process has run without a gap and Redis has answered it. After a gap, or a time without Redis,
///   each child has a whole ``silence`` anew.
/// - Both were true at the check before, at least ``confirmation`` ago.
///
/// A child that stops is killed at most ``silence`` and two checks after its last heartbeat. A clock of Redis that
/// steps back makes that later, by as much as it stepped.
package struct HangPolicy: Sendable {
    /// A child as a check finds it.
    package struct Report: Sendable {
        package let id: String
        /// Time since its last heartbeat, by the clock of Redis; nil when Redis does not list it.
        package let heartbeatAge: Int64?
        /// Time since it was started.
        package let age: Int64

        package init(id: String, heartbeatAge: Int64?, age: Int64) {
            self.id = id
            self.heartbeatAge = heartbeatAge
            self.age = age
        }
    }

    /// A child that hangs.
    package struct Hang: Sendable, Equatable {
        package let id: String
        /// For how long it has been silent.
        package let silence: Int64

        package init(id: String, silence: Int64) {
            self.id = id
            self.silence = silence
        }
    }

    /// Time between two checks.
    package static let interval: Int64 = 5000
    /// A check that is later than this, and an answer of Redis that takes longer, are a gap: half a check. With less, a
    /// busy machine would never find a child that hangs. With more, time that nobody had would count: the shortest
    /// `--silence` is 10 s, and a healthy edge is silent for 4 s of that.
    package static let tolerance: Int64 = interval / 2
    /// Time between the check that suspects a child and the one that has it killed: the longest time between two
    /// heartbeats of a healthy child, that of an edge. Within it a child corrects an age that is wrong since the clock
    /// of Redis stepped, or since a hypervisor stopped this machine without a trace in its clocks.
    package static let confirmation: Int64 = 4000

    /// A child whose last heartbeat is older is suspected.
    package let silence: Int64
    /// When the last check began.
    private var lastCheck: Int64
    /// Since when this process has run without a gap and Redis has answered it.
    private var listeningSince: Int64
    /// The children that the last check suspected, by id, and the time of the first check that did.
    private var suspects: [String: Int64] = [:]

    /// - Parameter now: of a clock that goes on while the machine sleeps, as all times here:
    ///   ``Events/Clock/boottimeMilliseconds()``.
    package init(silence: Int64, at now: Int64) {
        self.silence = silence
        lastCheck = now
        listeningSince = now
    }

    /// Gives each child a whole ``silence`` anew. Call it when the connection to Redis has been made, and when Redis
    /// refuses to answer a check: it takes no heartbeats then either.
    package mutating func startAnew(at now: Int64) {
        listeningSince = now
        suspects = [:]
    }

    /// A check begins. Call it every ``interval``; a call that is late shows that this process did not run.
    package mutating func beginCheck(at now: Int64) {
        if now - lastCheck > HangPolicy.interval + HangPolicy.tolerance { startAnew(at: now) }
        lastCheck = now
    }

    /// The children that hang, from what Redis answered to the last check.
    ///
    /// - Parameter now: when the answer came.
    package mutating func hanging(among reports: [Report], at now: Int64) -> [Hang] {
        guard now - lastCheck <= HangPolicy.tolerance else {
            startAnew(at: now)
            return []
        }
        var suspected: [String: Int64] = [:]
        var hanging: [Hang] = []
        for report in reports {
            let silent = min(report.heartbeatAge ?? report.age, now - listeningSince)
            guard silent > silence else { continue }
            let since = suspects[report.id] ?? now
            suspected[report.id] = since
            if now - since >= HangPolicy.confirmation { hanging.append(Hang(id: report.id, silence: silent)) }
        }
        suspects = suspected
        return hanging
    }
}
