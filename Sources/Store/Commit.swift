import Redis

/// What a worker decided about the first events of a lane's queue: one call of `tidings_commit`, all or nothing.
package struct Commit {
    /// One thing that is done in the commit's step.
    package enum Operation {
        /// Compares events that create, edit or delete a comment with what is held of it. Comes first: a later operation
        /// names an event of a change by ``Change/reference(_:)``, and leaves out those that were settled.
        case change(Changes)
        /// Hands events on to another lane.
        case push(to: LaneID, limit: Int, [[UInt8]])
        /// Hands events on to another lane, those whose key was committed lately left out.
        case pushOnce(to: LaneID, limit: Int, window: Int64, keys: Int, [KeyedEvent])
        /// Appends events to channel feeds and announces them.
        case publish(Publication)
        /// Sets events aside: as they are encoded by ``SetAsideEvent``. Beyond `cap` the oldest of the lane fall off.
        case setAside(SetAsideEvent.Kind, cap: Int, [[UInt8]])
        /// Ends jobs whose events end here.
        case settle(JobOutcome, [JobTicket])
        /// Adds to a counter of the lane.
        case count(String, Int)
    }

    /// An event and what makes another one its repeat.
    package struct KeyedEvent {
        package let key: DuplicateKey
        package let event: [UInt8]

        package init(_ key: DuplicateKey, _ event: [UInt8]) {
            self.key = key
            self.event = event
        }
    }

    package enum DuplicateKey {
        case key([UInt8])
        /// The event repeats none.
        case none
        /// The event is a further part of the one before: it shares its fate and is not counted again.
        case sameAsBefore

        fileprivate var bytes: [UInt8] {
            switch self {
            case .key(let bytes): bytes
            case .none: [0]
            case .sameAsBefore: []
            }
        }
    }

    /// Events of comments, in the batch's order.
    package struct Changes {
        /// How many held events the lane keeps.
        package var heldEvents: Int
        /// How long the record of a comment is kept, in milliseconds.
        package var lifetime: Int64
        package var list: [Change] = []

        package init(heldEvents: Int, lifetime: Int64) {
            self.heldEvents = heldEvents
            self.lifetime = lifetime
        }
    }

    /// One event of a comment, and what its stage decided.
    package struct Change {
        package enum Verdict: String {
            /// It is handed on, published, or both, by an operation that names it.
            case go
            /// It is set aside for a person.
            case hold
        }

        package let verdict: Verdict
        package let change: CommentChange
        package let version: EventVersion
        package let sender: Sender
        /// The event as it is handed on; the letter of a held one.
        package let text: [UInt8]

        package init(
            _ verdict: Verdict, _ change: CommentChange, _ version: EventVersion, by sender: Sender = .app,
            text: [UInt8]
        ) {
            self.verdict = verdict
            self.change = change
            self.version = version
            self.sender = sender
            self.text = text
        }

        /// Stands in a later operation for the event of a change, by its place in the list, counted from 0.
        package static func reference(_ place: Int) -> [UInt8] {
            [0] + Array(String(place + 1).utf8)
        }
    }

    /// Events for the feeds of channels.
    package struct Publication {
        /// How much is kept of each channel.
        package var history: HistoryPolicies
        /// How many dead letters the lane keeps: an event whose feed is blocked by a foreign key becomes one.
        package var deadLetters: Int
        package var events: [[UInt8]] = []
        /// What is known of events that are about a comment or a conversation, by their index above. A version that is older than the newest one
        /// published is dropped.
        package var posts: [Int: Post] = [:]
        /// In order of first use; `events` are indexes into the events above, counted from 0.
        package var channels: [(name: String, events: [Int])] = []

        package enum Post {
            /// A new comment, which ends here.
            case new(CommentChange, EventVersion, by: Sender)
            /// Any other event of a comment, by its place in ``Changes/list``.
            case change(Int)
            /// The closing of a conversation, or its opening, by somebody who may do that.
            case conversation(ConversationChange)
        }

        package init(history: HistoryPolicies, deadLetters: Int) {
            self.history = history
            self.deadLetters = deadLetters
        }
    }

    package let lane: LaneID
    /// The fencing token of the lane's lease.
    package let token: String
    /// Numbers the commits of a token. The same number again does nothing.
    package let serial: Int
    /// How many events leave the queue: at least one.
    package let count: Int
    /// The first and the last of them, as they stand in the queue.
    package let first: [UInt8]
    package let last: [UInt8]
    /// The lease from now on, in milliseconds.
    package let lease: Int64
    package var operations: [Operation] = []
    /// Whether the answer says how long the server worked.
    package var isTimed = false

    package init(lane: LaneID, token: String, serial: Int, taking events: ArraySlice<[UInt8]>, lease: Int64) {
        self.lane = lane
        self.token = token
        self.serial = serial
        self.lease = lease
        count = events.count
        first = events.first ?? []
        last = events.count > 1 ? events.last ?? [] : []
    }
}

/// What became of a commit.
package enum CommitAnswer: Equatable {
    /// Done, now or by an earlier call; so many set-aside events fell off a full list. The server worked for so many
    /// microseconds; 0: it was not asked, cannot tell, or the earlier call did it.
    case done(forgotten: Int64, microseconds: Int64 = 0)
    /// Another worker has the lane.
    case fenced
    /// The queue does not begin with these events any more.
    case moved
    /// A queue that events were to go to is full; nothing was done.
    case full
}

extension FunctionCall where Answer == CommitAnswer {
    /// - Parameter bytes: about how many bytes the call has, to reserve room.
    package static func commit(_ commit: Commit, of layout: PipelineLayout, bytes: Int = 1024) -> Self {
        var call = FunctionCall(
            "commit", keys: [layout.lane(commit.lane), layout.queue(commit.lane)], [commit.token]
        ) { value in
            switch value.array?.first?.text {
            case "OK":
                .done(
                    forgotten: value.array?.dropFirst().first?.integer ?? 0,
                    microseconds: value.array?.dropFirst(2).first?.integer ?? 0)
            case "FULL": .full
            case "MOVED": .moved
            default: .fenced
            }
        }
        call.command.reserve(bytes)
        call.command.append(commit.serial)
        call.command.append(commit.count)
        call.command.append(commit.first)
        call.command.append(commit.last)
        call.command.append(commit.lease)
        call.command.append("shape")
        call.command.append(layout.shape)
        if commit.isTimed { call.command.append("timed") }
        for operation in commit.operations {
            operation.append(to: &call.command, lane: commit.lane, layout: layout)
        }
        return call
    }
}

extension Commit.Operation {
    /// Writes the operation as `commit.lua` reads it.
    fileprivate func append(to command: inout RedisCommand, lane: LaneID, layout: PipelineLayout) {
        switch self {
        case .change(let changes):
            command.append("change")
            command.append(layout.held(lane))
            command.append(layout.records(lane.partition))
            command.append(changes.lifetime)
            command.append(changes.heldEvents)
            command.append(changes.list.count)
            for change in changes.list {
                command.append(change.verdict.rawValue)
                command.append(change.change.post)
                command.append(change.version.text)
                command.append(kind(change.change, by: change.sender))
                command.append(change.text)
            }
        case .push(let target, let limit, let events):
            command.append("push")
            command.append(layout.queue(target))
            command.append(layout.lane(target))
            command.append(limit)
            command.append(events)
        case .pushOnce(let target, let limit, let window, let keys, let events):
            command.append("once")
            command.append(layout.queue(target))
            command.append(layout.lane(target))
            command.append(limit)
            command.append(layout.seen(lane.partition))
            command.append(window)
            command.append(keys)
            command.append(events.count)
            for event in events {
                command.append(event.key.bytes)
                command.append(event.event)
            }
        case .publish(let publication):
            command.append("publish")
            let kinds = publication.history.appendKinds(of: publication.channels.map(\.name), to: &command)
            command.append(layout.dead(lane))
            command.append(publication.deadLetters)
            command.append(layout.records(lane.partition))
            command.append(publication.events.count)
            for (index, event) in publication.events.enumerated() {
                switch publication.posts[index] {
                case .new(let change, let version, let sender):
                    command.append(change.post)
                    command.append(version.text + [UInt8(ascii: " ")] + kind(change, by: sender))
                case .change(let place):
                    command.append(Commit.Change.reference(place))
                    command.append("")
                case .conversation(let change):
                    command.append(change.conversation)
                    command.append(change.kind.rawValue)
                case nil:
                    command.append("")
                    command.append("")
                }
                command.append(event)
            }
            command.append(publication.channels.count)
            for ((name, events), kind) in zip(publication.channels, kinds) {
                command.append(name)
                command.append(kind)
                command.append(events.count)
                // Lua counts from 1.
                for index in events { command.append(index + 1) }
            }
        case .setAside(let kind, let cap, let events):
            command.append("letter")
            command.append(kind.rawValue)
            command.append(layout.setAside(kind, in: lane))
            command.append(cap)
            command.append(events)
        case .settle(let outcome, let jobs):
            command.append("settle")
            command.append(outcome.text)
            command.append(jobs.count)
            for job in jobs { command.append(job.array) }
        case .count(let counter, let number):
            command.append("count")
            command.append(counter)
            command.append(number)
        }
    }
}

/// What an event does to a comment, and who says so, as the functions read it: the kind, then the sender if it is not the
/// app.
private func kind(_ change: CommentChange, by sender: Sender) -> [UInt8] {
    let kind = [UInt8](change.kind.rawValue.utf8)
    return sender.isApp ? kind : kind + [UInt8(ascii: " ")] + sender.escaped
}

extension HistoryPolicies {
    /// Writes all policies, as `commit.lua` reads them: a change may reach a channel that its event does not name. Gives
    /// the place of each channel's policy in that list, counted from 1.
    fileprivate func appendKinds(of channels: [String], to command: inout RedisCommand) -> [Int] {
        let names = ["*"] + kinds.keys.filter { $0 != "*" }.sorted()
        command.append("kinds")
        command.append(names.count)
        for name in names {
            let policy = kinds[name] ?? others
            command.append(name)
            command.append(policy.word)
            command.append(policy.age ?? 0)
            command.append(life(of: policy))
        }
        return channels.map { channel in
            let kind = HistoryPolicies.kind(of: channel).flatMap { kinds[$0] == nil ? nil : $0 }
            return 1 + (kind.flatMap(names.firstIndex(of:)) ?? 0)
        }
    }
}

extension HistoryPolicy {
    /// As the functions read it, without the age.
    var word: String {
        switch self {
        case .log(let events, _): String(events)
        case .state: "state"
        case .none: "none"
        }
    }
}

extension RedisCommand {
    /// A list as the functions read it: how many, then each.
    mutating func append(_ list: [[UInt8]]) {
        append(list.count)
        for bytes in list { append(bytes) }
    }
}
