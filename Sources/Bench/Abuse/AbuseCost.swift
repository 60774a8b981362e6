import Console
import JSON

/// What an attack cost both sides.
struct AbuseCost {
    let attack: String
    let limit: String
    /// Bytes of bodies that were sent.
    var sent = 0
    /// How many requests got which status.
    var answers: [Int: Int] = [:]
    /// Bytes that Redis holds more than before.
    var memory = 0
    /// Keys that Redis holds more than before.
    var keys = 0

    init(attack: String, limit: String) {
        self.attack = attack
        self.limit = limit
    }

    private var said: String {
        answers.sorted { $0.key < $1.key }.map { "\($0.value) × \($0.key)" }.joined(separator: ", ")
    }

    /// The table of docs/security.md.
    static func table(_ costs: [AbuseCost]) -> String {
        let head = """
            | attack | what limits it | bytes sent | answers | bytes in Redis | times what was sent | keys |
            |---|---|---|---|---|---|---|\n
            """
        return head
            + costs.map { cost in
                let times = Spread.tenth(Double(cost.memory) / Double(max(1, cost.sent)))
                let cells = [
                    cost.attack, cost.limit, Text.grouped(cost.sent), cost.said, Text.grouped(cost.memory),
                    String(times), Text.grouped(cost.keys),
                ]
                return "| " + cells.joined(separator: " | ") + " |\n"
            }.joined()
    }

    static func json(_ costs: [AbuseCost]) -> String {
        let rows = costs.map { cost in
            var object = JSONObject()
            object["attack"] = .string(cost.attack)
            object["limit"] = .string(cost.limit)
            object["sent"] = .int(Int64(cost.sent))
            object["answers"] = .object(
                JSONObject(
                    members: cost.answers.sorted { $0.key < $1.key }.map { (String($0.key), .int(Int64($0.value))) }))
            object["memory"] = .int(Int64(cost.memory))
            object["keys"] = .int(Int64(cost.keys))
            return JSON.object(object)
        }
        return JSON.array(rows).text + "\n"
    }
}
