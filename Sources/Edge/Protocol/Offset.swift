/// Where a reader wants to start.
package enum Offset: Equatable {
    /// `-1`: the oldest event kept.
    case beginning
    /// `now`: after the newest event.
    case now
    /// The offset of an earlier answer.
    case position(Position)

    /// Parses an offset strictly: nil for anything that no answer contains.
    package init?(_ text: some StringProtocol) {
        self.init(Array(text.utf8).span)
    }

    /// Parses an offset without copying it.
    init?(_ bytes: Span<UInt8>) {
        if bytes.equals("-1") {
            self = .beginning
        } else if bytes.equals("now") {
            self = .now
        } else {
            let width = bytes.count - Position.restLength
            guard width == Position.epochWidth || width == Position.oldEpochWidth, bytes[width] == 0x5F,
                bytes[width + 14] == 0x5F, let epoch = bytes.extracting(0..<width).decimal,
                width == Position.width(ofEpoch: epoch),
                let born = bytes.extracting((width + 1)..<(width + 14)).decimal,
                let sequence = bytes.extracting((width + 15)..<bytes.count).decimal
            else { return nil }
            self = .position(Position(epoch: epoch, born: born, sequence: sequence))
        }
    }
}

/// A position in a channel: after the event with this sequence number, in this incarnation of the feed.
///
/// A channel that has no feed has positions as well: `born` is 0, and the place of the sequence number holds the time of
/// the server at which there was none. ``FeedIdentity`` judges such a position.
package struct Position: Equatable, Hashable {
    /// The epoch of the server's data.
    var epoch: Int64
    /// When the feed was created, in milliseconds since 1970; 0 when there is none.
    var born: Int64
    /// The sequence number of the last event before the position; 0 before the first. Without a feed a time, in
    /// milliseconds since 1970.
    var sequence: Int64

    /// Whether the channel had no feed.
    var isUnborn: Bool { born == 0 }

    /// The number of events of the feed before the position: those after it are read from there.
    var after: Int64 { isUnborn ? 0 : sequence }

    /// A position that no feed ever had: a reader that sends it is told that its position is lost.
    static let nowhere = Position(epoch: 0, born: 1, sequence: 0)

    /// The digits of an epoch. Those that older libraries issued are written as they were then: an epoch lasts as long as
    /// the server's data, so also over an update of Tidings, and its positions have one form.
    fileprivate static let epochWidth = 16
    fileprivate static let oldEpochWidth = 10
    /// The length of what follows the epoch, in bytes.
    fileprivate static let restLength = 31

    fileprivate static func width(ofEpoch epoch: Int64) -> Int {
        isOfOlderLibrary(epoch: epoch) ? oldEpochWidth : epochWidth
    }

    /// Whether an older function library issued this epoch.
    static func isOfOlderLibrary(epoch: Int64) -> Bool { epoch < 10_000_000_000 }

    /// The length of the longest written position in bytes.
    static let length = epochWidth + restLength

    /// Appends the position as `EEEEEEEEEEEEEEEE_BBBBBBBBBBBBB_SSSSSSSSSSSSSSSS`, digits only.
    ///
    /// The width is fixed, so that text order is stream order (Durable Streams, 6). An epoch of ten digits has that width;
    /// those of 16 begin with no 0, 1 or 2, so they sort behind it.
    func write(into bytes: inout [UInt8]) {
        bytes.appendDecimal(epoch, width: Position.width(ofEpoch: epoch))
        bytes.append(0x5F)
        bytes.appendDecimal(born, width: 13)
        bytes.append(0x5F)
        bytes.appendDecimal(sequence, width: 16)
    }

    package var text: String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Position.length)
        write(into: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// The `id` of an event of `/v1/events`: the reader's position in each of its channels, so that `Last-Event-ID` alone
/// resumes all of them. Pure.
///
///     id    = "1." check "." epoch 1*( "." place )
///     place = born "-" sequence [ "-" epoch ]
///
/// Places are in the order of the channels in the URL. All numbers are in base 36, in lower case and without leading
/// zeros. `check` is a hash of the channels' names. A place has an epoch of its own only when it differs from the first
/// one. No character needs escaping in a URL. The id has at most 21 bytes, and 34 per channel.
enum StreamEventID {
    /// Appends the id of these positions.
    static func write(_ places: some Sequence<Position>, check: UInt32, into bytes: inout [UInt8]) {
        bytes.append("1.")
        append(Int64(check), to: &bytes)
        var common: Int64?
        for place in places {
            if common == nil {
                bytes.append(0x2E)
                append(place.epoch, to: &bytes)
                common = place.epoch
            }
            bytes.append(0x2E)
            append(place.born, to: &bytes)
            bytes.append(0x2D)
            append(place.sequence, to: &bytes)
            if place.epoch != common {
                bytes.append(0x2D)
                append(place.epoch, to: &bytes)
            }
        }
    }

    /// Parses an id that was written for `count` channels with this check. Strict: nil for anything that no edge ever
    /// wrote for them.
    static func parse(_ text: String, check: UInt32, count: Int) -> [Position]? {
        let fields = text.utf8.split(separator: 0x2E, omittingEmptySubsequences: false)
        guard count > 0, fields.count == count + 3, fields[0].elementsEqual("1".utf8),
            number(fields[1], below: 1 << 32) == Int64(check), let common = number(fields[2], below: epochs)
        else { return nil }
        var places: [Position] = []
        places.reserveCapacity(count)
        for field in fields[3...] {
            let parts = field.split(separator: 0x2D, omittingEmptySubsequences: false)
            guard parts.count == 2 || parts.count == 3, let born = number(parts[0], below: births),
                let sequence = number(parts[1], below: sequences)
            else { return nil }
            var epoch = common
            if parts.count == 3 {
                guard let own = number(parts[2], below: epochs), own != common else { return nil }
                epoch = own
            }
            places.append(Position(epoch: epoch, born: born, sequence: sequence))
        }
        return places.first?.epoch == common ? places : nil
    }

    /// A hash of a list of channels (FNV-1a, public domain).
    static func check(of channels: some Sequence<String>) -> UInt32 {
        var hash: UInt32 = 0x811C_9DC5
        func add(_ byte: UInt8) { hash = (hash ^ UInt32(byte)) &* 0x0100_0193 }
        for channel in channels {
            for byte in channel.utf8 { add(byte) }
            // A separator that occurs in no name.
            add(0)
        }
        return hash
    }

    /// The limits of the numbers in a written offset.
    private static let epochs: Int64 = 10_000_000_000_000_000
    private static let births: Int64 = 10_000_000_000_000
    private static let sequences: Int64 = 10_000_000_000_000_000

    private static func append(_ number: Int64, to bytes: inout [UInt8]) {
        var rest = number.magnitude
        let start = bytes.count
        repeat {
            let digit = UInt8(rest % 36)
            bytes.append(digit < 10 ? 0x30 + digit : 0x61 + digit - 10)
            rest /= 36
        } while rest > 0
        bytes[start...].reverse()
    }

    private static func number(_ digits: some Collection<UInt8>, below limit: Int64) -> Int64? {
        guard let first = digits.first, first != 0x30 || digits.count == 1 else { return nil }
        var number: Int64 = 0
        for digit in digits {
            switch digit {
            case 0x30...0x39: number = number * 36 + Int64(digit - 0x30)
            case 0x61...0x7A: number = number * 36 + Int64(digit - 0x61 + 10)
            default: return nil
            }
            // The limits are far below an overflow at the next digit.
            guard number < limit else { return nil }
        }
        return number
    }
}
