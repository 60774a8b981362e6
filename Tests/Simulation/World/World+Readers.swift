import JSON
import Redis
import Store

/// A reader of the world: where it is, and the poll that it waits for.
final class SimulatedReader {
    var channel = ""
    /// Where its next poll starts.
    var position = "-1"
    /// The process that its open poll is at.
    var process: SimulatedProcess?
    /// Gives up the open poll.
    var giveUp: (() -> Void)?
    /// Numbers the polls: an answer to an earlier one is of no interest.
    var polls = 0
    var isWaiting = false
}

/// Steps of readers and of those who send events.
extension World {
    func seek(_ name: Step.ReaderName, _ channel: String, _ place: ReadingPlace) {
        leave(name)
        let reader = readers[name] ?? SimulatedReader()
        readers[name] = reader
        reader.channel = channel
        switch place {
        case .beginning: reader.position = "-1"
        case .now: reader.position = "now"
        case .like(let other):
            let like = readers[other].flatMap { $0.channel == channel ? $0.position : nil }
            reader.position = like ?? "-1"
        }
    }

    func poll(_ name: Step.ReaderName, at edge: Step.ProcessName, isLive: Bool) {
        guard let reader = readers[name], !reader.channel.isEmpty, let process = actors[edge], !process.hasEnded,
            edge.hasPrefix("e")
        else { return }
        leave(name)
        reader.polls += 1
        let number = reader.polls
        reader.process = process
        reader.isWaiting = true
        let (channel, position) = (reader.channel, reader.position)
        observe(.asked(name, edge: edge, channel: channel, position: position))
        process.receive { [unowned self, unowned process] in
            // The client may have given up meanwhile.
            guard reader.polls == number, reader.isWaiting, let edge = process.machine as? SimulatedEdge else { return }
            let giveUp = edge.poll(channel, from: position, isLive: isLive) { [unowned self, unowned process] answer in
                guard reader.polls == number, reader.isWaiting, !process.hasEnded else { return }
                self.answered(name, reader, answer)
            }
            if reader.polls == number, reader.isWaiting { reader.giveUp = giveUp }
        }
    }

    private func answered(_ name: Step.ReaderName, _ reader: SimulatedReader, _ answer: SimulatedEdge.Answer) {
        (reader.isWaiting, reader.giveUp, reader.process) = (false, nil, nil)
        switch answer {
        case .events(let body, let next):
            reader.position = next
            observe(.answered(name, events: numbers(in: body), next: next))
        case .lost:
            reader.position = "-1"
            observe(.lost(name))
        case .none: observe(.unanswered(name))
        }
    }

    private func numbers(in body: [UInt8]) -> [Int] {
        ((try? parser.parse(body))?.array ?? []).map { $0.object.flatMap(SimulatedEvent.number) ?? -1 }
    }

    /// Gives up the open poll.
    func leave(_ name: Step.ReaderName) {
        guard let reader = readers[name], reader.isWaiting else { return }
        reader.isWaiting = false
        observe(.unanswered(name))
        if let process = reader.process, let giveUp = reader.giveUp { process.receive(giveUp) }
        (reader.giveUp, reader.process) = (nil, nil)
    }

    /// The connections of clients to processes that have ended break.
    func hangUp() {
        for (name, reader) in readers.sorted(by: { $0.key < $1.key })
        where reader.isWaiting && reader.process?.hasEnded == true {
            (reader.isWaiting, reader.giveUp, reader.process) = (false, nil, nil)
            observe(.unanswered(name))
        }
    }

    // MARK: Senders

    func push(_ event: SimulatedEvent) {
        observe(.offered(event, door: .push))
        let reply = server.control.call(RedisCommand("RPUSH", "\(World.pipeline):incoming", event.text))
        if case .success = reply { observe(.accepted(event.number)) } else { observe(.refused(event.number)) }
        collect()
    }

    func post(_ event: SimulatedEvent, to edge: Step.ProcessName) {
        guard let process = actors[edge], !process.hasEnded, edge.hasPrefix("e") else { return }
        observe(.offered(event, door: .post))
        process.receive { [unowned self, unowned process] in
            (process.machine as? SimulatedEdge)?.post(event) { [unowned self, unowned process] isAccepted in
                guard !process.hasEnded, let isAccepted else { return }
                self.observe(isAccepted ? .accepted(event.number) : .refused(event.number))
            }
        }
    }
}

extension SimulatedEvent {
    fileprivate var text: String { String(decoding: bytes, as: UTF8.self) }
}
