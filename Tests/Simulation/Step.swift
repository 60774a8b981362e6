/// One step of a schedule: everything that happens in the simulation happens by a step.
///
/// A step has a text form of one line, which parses back: a printed schedule can be run again. A step that is not
/// possible at the moment (a frozen process, an empty queue of requests) does nothing.
package enum Step: Hashable {
    // MARK: Time

    /// Time passes for everybody, the clock of the server included; in milliseconds. Fires nothing: see ``run(_:)``.
    case advance(Int64)
    /// The clock of the server steps, and its time of day with it; in milliseconds, may be negative.
    case stepClock(Int64)
    /// The loop of a process takes one turn: timers that are due and deferred work.
    case run(ProcessName)

    // MARK: Network. A link is one connection of a process.

    /// A connection that is being made succeeds.
    case open(LinkName)
    /// A connection that is being made fails.
    case refuse(LinkName)
    /// The server executes the oldest request that waits on the link, and queues the replies and pushes that come of it.
    case execute(LinkName)
    /// The process receives the oldest reply or push that waits on the link.
    case deliver(LinkName)
    /// The connection breaks: what waits in either direction is lost, and the process is told.
    case cut(LinkName)

    // MARK: Processes. Their names tell what they are: `w0` is a worker, `e0` an edge.

    /// Starts a process with the configuration of now. A name that ran before is started again.
    case start(ProcessName)
    /// SIGTERM: the process leaves in order. It is gone when it has done so.
    case stop(ProcessName)
    /// SIGTSTP: a worker takes nothing new.
    case quiet(ProcessName)
    /// The process dies at once; its supervisor sees it, and may ``bury(_:)`` it.
    case kill(ProcessName)
    /// The process dies with its host: nobody sees it.
    case lose(ProcessName)
    /// The supervisor ends the leases of a process that it saw die.
    case bury(ProcessName)
    /// The process stands still: no timers, no requests, no deliveries.
    case freeze(ProcessName)
    case thaw(ProcessName)

    // MARK: Events

    /// A stranger pushes an event onto `NAME:incoming` by RPUSH, and has the answer at once.
    case push(SimulatedEvent)
    /// A client posts an event to an edge; the answer comes, or not.
    case post(ProcessName, SimulatedEvent)

    // MARK: Readers

    /// A reader turns to a channel and a place; its next poll starts there. Gives up a poll that is open.
    case seek(ReaderName, channel: String, ReadingPlace)
    /// A reader asks an edge for what comes after its position. A live poll is held until there is something.
    case poll(ReaderName, ProcessName, isLive: Bool)
    /// A reader gives up its open poll, or the answer is lost on its way: it stays where it was.
    case leave(ReaderName)

    // MARK: Operators

    /// Changes the configuration file: processes that start from now on have it.
    case configure(Setting, Int64)
    /// Approves or rejects the held event with this number.
    case approve(Int)
    case reject(Int)
    /// Retries or drops the dead letter of the event with this number.
    case retry(Int)
    case drop(Int)
    case pause(String)
    case resume(String)
    case purge(String)

    // MARK: The server

    /// Keeps a copy of the data, for ``takeBack`` and ``demote``.
    case save
    /// The server restarts with all of its data.
    case restart
    /// The server restarts with the data of the last copy.
    case takeBack
    /// The server becomes a replica of an older master (the last copy) and then master again. No connection is cut.
    case demote
    /// FLUSHALL. No connection is cut.
    case flush
    /// FUNCTION FLUSH.
    case forgetFunctions
    /// DEL of `NAME:config`.
    case forgetConfiguration
    /// The user of the pipeline loses a right, or has all again.
    case revoke(Right)
    case grant

    // MARK: More than one

    /// For so many milliseconds everything that can go its way goes, in a fixed order: connections are made, requests
    /// are executed, replies delivered, timers fired.
    case settle(Int64)

    package typealias ProcessName = String
    /// `w0/calls` and `w0/pushes`: the two connections of a process.
    package typealias LinkName = String
    package typealias ReaderName = String

    /// What an operator changes in the configuration.
    package enum Setting: String, CaseIterable {
        /// Events that a feed keeps.
        case history
        /// Milliseconds that an idle feed stays.
        case ttl
        case partitions
        /// Which list of stages: 0 is the usual one, 1 has a stage more.
        case stages
    }

    /// A right that a user of Redis can lack.
    package enum Right: String, CaseIterable {
        /// To announce a new feed.
        case newfeed
        /// To announce an event.
        case publish
        /// To write any feed.
        case feeds
    }
}

/// Where a reader begins.
package enum ReadingPlace: Hashable {
    case beginning
    case now
    /// At the position that another reader was given last.
    case like(Step.ReaderName)
}

/// An event that somebody sends in, and what it does on its way.
package struct SimulatedEvent: Hashable {
    /// How the stage `work` of the simulation treats it.
    package enum Behaviour: Hashable {
        case plain
        /// Takes so many milliseconds.
        case slow(Int64)
        /// Is held for a person.
        case hold
        /// Fails at every attempt: ends as a dead letter.
        case fail
        /// Fails at the first attempts, then passes.
        case stumble
        /// Kills its worker while it is in its stage, each time.
        case poison
        /// Is dropped by the stage.
        case drop
    }

    package enum Kind: String, CaseIterable {
        case created
        case edited
        case deleted
    }

    /// Names the event in the simulation; a member `n` of the JSON object, which passes through. Two offers of the same
    /// event have two numbers.
    package var number: Int
    package var thread: Int
    /// Its forum, a channel that several conversations share.
    package var forum: Int
    /// The `id` of the comment: unique in its thread only.
    package var comment: Int
    package var kind: Kind
    package var behaviour: Behaviour

    package init(
        _ number: Int, thread: Int, forum: Int, comment: Int, kind: Kind = .created, behaviour: Behaviour = .plain
    ) {
        self.number = number
        self.thread = thread
        self.forum = forum
        self.comment = comment
        self.kind = kind
        self.behaviour = behaviour
    }

    /// The channels that it is published to.
    package var channels: [String] { ["thread:t\(thread)", "forum:f\(forum)"] }
}

// MARK: Text

extension Step: CustomStringConvertible {
    package var description: String { words.joined(separator: " ") }

    private var words: [String] {
        switch self {
        case .advance(let time): ["advance", String(time)]
        case .stepClock(let time): ["clock", String(time)]
        case .run(let name): ["run", name]
        case .open(let link): ["open", link]
        case .refuse(let link): ["refuse", link]
        case .execute(let link): ["execute", link]
        case .deliver(let link): ["deliver", link]
        case .cut(let link): ["cut", link]
        case .start(let name): ["start", name]
        case .stop(let name): ["stop", name]
        case .quiet(let name): ["quiet", name]
        case .kill(let name): ["kill", name]
        case .lose(let name): ["lose", name]
        case .bury(let name): ["bury", name]
        case .freeze(let name): ["freeze", name]
        case .thaw(let name): ["thaw", name]
        case .push(let event): ["push"] + event.words
        case .post(let edge, let event): ["post", edge] + event.words
        case .seek(let reader, let channel, let place): ["seek", reader, channel, place.word]
        case .poll(let reader, let edge, let isLive): ["poll", reader, edge, isLive ? "live" : "once"]
        case .leave(let reader): ["leave", reader]
        case .configure(let setting, let value): ["configure", setting.rawValue, String(value)]
        case .approve(let number): ["approve", String(number)]
        case .reject(let number): ["reject", String(number)]
        case .retry(let number): ["retry", String(number)]
        case .drop(let number): ["drop", String(number)]
        case .pause(let stage): ["pause", stage]
        case .resume(let stage): ["resume", stage]
        case .purge(let stage): ["purge", stage]
        case .save: ["save"]
        case .restart: ["restart"]
        case .takeBack: ["take-back"]
        case .demote: ["demote"]
        case .flush: ["flush"]
        case .forgetFunctions: ["forget-functions"]
        case .forgetConfiguration: ["forget-configuration"]
        case .revoke(let right): ["revoke", right.rawValue]
        case .grant: ["grant"]
        case .settle(let time): ["settle", String(time)]
        }
    }

    /// Parses the text form; nil when it is none.
    package init?(_ line: String) {
        let words = line.split(separator: " ").map(String.init)
        guard let step = Step.parse(words) else { return nil }
        self = step
    }

    private static func parse(_ words: [String]) -> Step? {
        let name = words.count == 2 ? words[1] : nil
        let number = name.flatMap { Int($0) }
        let time = name.flatMap { Int64($0) }
        switch (words.first ?? "", words.count) {
        case ("advance", 2): return time.map { .advance($0) }
        case ("clock", 2): return time.map { .stepClock($0) }
        case ("settle", 2): return time.map { .settle($0) }
        case ("run", 2): return name.map { .run($0) }
        case ("open", 2): return name.map { .open($0) }
        case ("refuse", 2): return name.map { .refuse($0) }
        case ("execute", 2): return name.map { .execute($0) }
        case ("deliver", 2): return name.map { .deliver($0) }
        case ("cut", 2): return name.map { .cut($0) }
        case ("start", 2): return name.map { .start($0) }
        case ("stop", 2): return name.map { .stop($0) }
        case ("quiet", 2): return name.map { .quiet($0) }
        case ("kill", 2): return name.map { .kill($0) }
        case ("lose", 2): return name.map { .lose($0) }
        case ("bury", 2): return name.map { .bury($0) }
        case ("freeze", 2): return name.map { .freeze($0) }
        case ("thaw", 2): return name.map { .thaw($0) }
        case ("leave", 2): return name.map { .leave($0) }
        case ("pause", 2): return name.map { .pause($0) }
        case ("resume", 2): return name.map { .resume($0) }
        case ("purge", 2): return name.map { .purge($0) }
        case ("approve", 2): return number.map { .approve($0) }
        case ("reject", 2): return number.map { .reject($0) }
        case ("retry", 2): return number.map { .retry($0) }
        case ("drop", 2): return number.map { .drop($0) }
        case ("revoke", 2): return name.flatMap { Right(rawValue: $0) }.map { .revoke($0) }
        case ("push", _): return SimulatedEvent(words.dropFirst()).map { .push($0) }
        case ("post", 3...): return SimulatedEvent(words.dropFirst(2)).map { .post(words[1], $0) }
        case ("seek", 4): return ReadingPlace(words[3]).map { .seek(words[1], channel: words[2], $0) }
        case ("poll", 4):
            return words[3] == "live" || words[3] == "once"
                ? .poll(words[1], words[2], isLive: words[3] == "live") : nil
        case ("configure", 3):
            guard let setting = Setting(rawValue: words[1]), let value = Int64(words[2]) else { return nil }
            return .configure(setting, value)
        case ("save", 1): return .save
        case ("restart", 1): return .restart
        case ("take-back", 1): return .takeBack
        case ("demote", 1): return .demote
        case ("flush", 1): return .flush
        case ("forget-functions", 1): return .forgetFunctions
        case ("forget-configuration", 1): return .forgetConfiguration
        case ("grant", 1): return .grant
        default: return nil
        }
    }
}

extension ReadingPlace {
    fileprivate var word: String {
        switch self {
        case .beginning: "-1"
        case .now: "now"
        case .like(let reader): "like:" + reader
        }
    }

    fileprivate init?(_ word: String) {
        if word == "-1" {
            self = .beginning
        } else if word == "now" {
            self = .now
        } else if word.hasPrefix("like:"), word.count > 5 {
            self = .like(String(word.dropFirst(5)))
        } else {
            return nil
        }
    }
}

extension SimulatedEvent {
    /// `17 thread=1 forum=0 comment=9 edited slow=300`; what is usual is left out.
    fileprivate var words: [String] {
        var words = [String(number), "thread=\(thread)", "forum=\(forum)", "comment=\(comment)"]
        if kind != .created { words.append(kind.rawValue) }
        switch behaviour {
        case .plain: break
        case .slow(let time): words.append("slow=\(time)")
        case .hold: words.append("hold")
        case .fail: words.append("fail")
        case .stumble: words.append("stumble")
        case .poison: words.append("poison")
        case .drop: words.append("drop")
        }
        return words
    }

    fileprivate init?(_ words: ArraySlice<String>) {
        guard let number = words.first.flatMap({ Int($0) }) else { return nil }
        self.init(number, thread: 0, forum: 0, comment: number)
        for word in words.dropFirst() {
            let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
            let value = parts.count == 2 ? Int(parts[1]) : nil
            switch (parts.first ?? "", value) {
            case ("thread", let value?): thread = value
            case ("forum", let value?): forum = value
            case ("comment", let value?): comment = value
            case ("slow", let value?): behaviour = .slow(Int64(value))
            case ("hold", nil): behaviour = .hold
            case ("fail", nil): behaviour = .fail
            case ("stumble", nil): behaviour = .stumble
            case ("poison", nil): behaviour = .poison
            case ("drop", nil): behaviour = .drop
            default:
                guard let kind = Kind(rawValue: word) else { return nil }
                self.kind = kind
            }
        }
    }
}
