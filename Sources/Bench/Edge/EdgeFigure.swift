package import JSON
package import Load

/// What one server did in one situation.
package struct EdgeFigure {
    package let server: String
    package let scenario: EdgeScenario.Name
    /// What each crowd saw; empty where nobody reads.
    package var tallies: [ReaderTally] = []
    /// From the first event to the last delivery.
    package var seconds = 0.0
    /// Processor time of the server's processes meanwhile.
    package var processor = 0.0
    /// Processor time of what it needs besides (Redis).
    package var besides = 0.0
    /// How late the last event was published, in milliseconds: the publisher's own delay is in the latencies.
    package var publisherLate = 0.0
    /// New connections in a second, of those that got a whole answer, and how many got none.
    package var connections = 0.0
    package var refused = 0
    /// Bytes of memory for each connection: of the server's processes, and of the kernel for both ends.
    package var memory = 0.0
    package var kernelMemory = 0.0

    package var whole: ReaderTally {
        tallies.reduce(into: ReaderTally()) { $0.merge($1) }
    }

    package var delivered: Double { seconds > 0 ? Double(whole.events) / seconds : 0 }

    /// Microseconds of processor time for an answer.
    package var perAnswer: Double { whole.answers > 0 ? processor / Double(whole.answers) * 1e6 : 0 }

    package var json: JSON {
        var object = JSONObject()
        object["server"] = .string(server)
        object["scenario"] = .string(scenario.rawValue)
        switch scenario {
        case .connections:
            object["connections_per_s"] = .double(connections.rounded())
            object["refused"] = .int(Int64(refused))
        case .memory:
            object["bytes_per_poll"] = .double(memory.rounded())
            object["kernel_bytes_per_poll"] = .double(kernelMemory.rounded())
        default:
            let all = whole
            object["events_per_s"] = .double(delivered.rounded())
            object["answers"] = .int(Int64(all.answers))
            object["events"] = .int(Int64(all.events))
            object["cpu_us_per_answer"] = .double(Spread.tenth(perAnswer))
            for (name, value) in [
                ("lost", all.lost), ("repeated", all.repeated), ("behind", all.behind), ("failures", all.failures),
            ] {
                object[name] = .int(Int64(value))
            }
            object["latency_ms"] = .array(tallies.map { EdgeFigure.latency($0.latency) })
            object["publisher_late_ms"] = .double(Spread.tenth(publisherLate))
            object["cpu_s"] = .double(Spread.tenth(processor))
        }
        object["redis_cpu_s"] = .double(Spread.tenth(besides))
        return .object(object)
    }

    private static func latency(_ histogram: LatencyHistogram) -> JSON {
        var object = JSONObject()
        for (name, percent) in [("p50", 50.0), ("p95", 95), ("p99", 99)] {
            object[name] = .double(milliseconds(histogram.percentile(percent)))
        }
        object["worst"] = .double(milliseconds(histogram.worst))
        return .object(object)
    }

    package static func milliseconds(_ microseconds: Int64) -> Double { (Double(microseconds) / 100).rounded() / 10 }
}
