/// The `id` of an event of `/v1/events`: where the reader stands in each of its channels, so that `Last-Event-ID` alone
/// resumes all. Pure.
///
///     id    = "1." check "." epoch 1*( "." place )
///     place = born "-" sequence [ "-" epoch ]
///
/// Places stand in the order of the channels in the URL. All are numbers to the base 36 in lower case without zeros in
/// front; `check` tells the channels' names; a place's own epoch stands there when it is not the first one. No character
/// needs an escape in a URL. At most 17 bytes, and 30 for each channel.
enum StreamEventID {
    /// Appends the id of these places.
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

    /// Reads an id that was written for channels with this check, as many as `count`. Strict: nil for everything that no
    /// edge ever wrote for them.
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

    /// Tells lists of channels apart (FNV-1a, public domain).
    static func check(of channels: some Sequence<String>) -> UInt32 {
        var hash: UInt32 = 0x811C_9DC5
        func add(_ byte: UInt8) { hash = (hash ^ UInt32(byte)) &* 0x0100_0193 }
        for channel in channels {
            for byte in channel.utf8 { add(byte) }
            // No name has it.
            add(0)
        }
        return hash
    }

    /// What a written offset has room for.
    private static let epochs: Int64 = 10_000_000_000
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
            // Far from an overflow at the next digit.
            guard number < limit else { return nil }
        }
        return number
    }
}
