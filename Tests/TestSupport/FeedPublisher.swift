/// Publishing numbered events to a channel's feed, as the publish stage does.
extension RedisServer {
    public func publish(_ channel: String, _ numbers: ClosedRange<Int>, history: Int = 1000) throws {
        for start in stride(from: numbers.lowerBound, through: numbers.upperBound, by: 100) {
            let events = (start...min(start + 99, numbers.upperBound)).map { "{\"id\":\"\($0)\"}" }
            try cli(["FCALL", "tidings_publish", "0", channel, "\(history)", "600000"] + events)
        }
    }

    /// The same, one event a call, all channels in turn, over one connection.
    public func publishOneByOne(_ channels: [String], _ numbers: ClosedRange<Int>, history: Int = 1000) throws {
        var input = ""
        for number in numbers {
            for channel in channels {
                input += "FCALL tidings_publish 0 \(channel) \(history) 600000 '{\"id\":\"\(number)\"}'\n"
            }
        }
        let output = try cli([], input: input)
        if let line = output.split(separator: "\n").first(where: { $0.contains("ERR") }) {
            throw TestSupportError("redis-cli: \(line)")
        }
    }
}
