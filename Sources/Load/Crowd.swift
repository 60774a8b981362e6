/// Readers of a measurement that are alike: so many of them, spread evenly over some channels, each of which gets the
/// same number of events.
public struct Crowd: Sendable, Equatable, CustomStringConvertible {
    public var readers: Int
    public let firstChannel: Int
    public let channels: Int
    /// Events that each of these channels gets in all.
    public let events: Int

    public init(readers: Int, firstChannel: Int = 0, channels: Int = 1, events: Int) {
        self.readers = readers
        self.firstChannel = firstChannel
        self.channels = max(1, channels)
        self.events = events
    }

    /// `READERS:FIRST:CHANNELS:EVENTS`; nil for anything else.
    public init?(_ text: String) {
        let numbers = text.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
        guard numbers.count == 4,
            case (let readers?, let first?, let channels?, let events?) = (
                numbers[0], numbers[1], numbers[2], numbers[3]
            ), readers >= 0, channels > 0, events >= 0
        else { return nil }
        self.init(readers: readers, firstChannel: first, channels: channels, events: events)
    }

    public var description: String { "\(readers):\(firstChannel):\(channels):\(events)" }

    /// The channel of the reader with this number among them.
    func channel(of reader: Int) -> Int { firstChannel + reader % channels }

    /// The same crowd, dealt out to several processes.
    public func split(_ parts: Int) -> [Crowd] {
        (0..<parts).map { part in
            var share = self
            share.readers = readers / parts + (part < readers % parts ? 1 : 0)
            return share
        }
    }
}
