/// The members of a JSON object, in their order.
///
/// A key that stands twice stays twice: what goes through unchanged is written as it came. Reading finds the first,
/// setting leaves one, removing removes all, so that a removed member cannot live on as its own duplicate.
///
/// Look-up is a scan: an event has a dozen members, and a hash of each key would cost more than it saves.
public struct JSONObject: Sendable {
    /// All members, duplicates included.
    public private(set) var members: [(key: String, value: JSON)]

    public init() {
        members = []
    }

    /// The members as given, in this order, duplicates included.
    public init(members: [(key: String, value: JSON)]) {
        self.members = members
    }

    public var count: Int { members.count }
    public var isEmpty: Bool { members.isEmpty }

    /// The keys in the order of the members. One that stands twice is here twice.
    public var keys: [String] { members.map(\.key) }

    /// Get: the first member of that key. Set: replaces the first in its place and drops its duplicates, or appends when
    /// there is none; nil removes all members of that key.
    public subscript(key: String) -> JSON? {
        get {
            firstIndex(of: key).map { members[$0].value }
        }
        set {
            guard let index = firstIndex(of: key) else {
                if let newValue { members.append((key: key, value: newValue)) }
                return
            }
            guard let newValue else {
                members.removeAll { $0.key.hasSameBytes(as: key) }
                return
            }
            members[index].value = newValue
            if members[(index + 1)...].contains(where: { $0.key.hasSameBytes(as: key) }) {
                let head = members[...index]
                members = head + members[(index + 1)...].filter { !$0.key.hasSameBytes(as: key) }
            }
        }
    }

    /// Adds a member at the end without looking for another of that key.
    public mutating func append(key: String, value: JSON) {
        members.append((key: key, value: value))
    }

    /// Changes each member's value in place, or removes the member: `body` returns whether it stays.
    public mutating func retainMembers(where body: (_ key: String, _ value: inout JSON) -> Bool) {
        var kept = 0
        for index in members.indices {
            // Taken out while it is changed, so that the change does not copy what it holds.
            var value = JSON.null
            swap(&value, &members[index].value)
            let stays = body(members[index].key, &value)
            members[index].value = value
            guard stays else { continue }
            if kept != index { members.swapAt(kept, index) }
            kept += 1
        }
        members.removeLast(members.count - kept)
    }

    private func firstIndex(of key: String) -> Int? {
        members.firstIndex { $0.key.hasSameBytes(as: key) }
    }
}

extension JSONObject: Equatable {
    /// The same members in the same order.
    public static func == (lhs: JSONObject, rhs: JSONObject) -> Bool {
        lhs.members.elementsEqual(rhs.members) { $0.key.hasSameBytes(as: $1.key) && $0.value == $1.value }
    }
}
