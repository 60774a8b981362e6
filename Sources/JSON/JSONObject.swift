/// The members of a JSON object, in order.
///
/// Duplicate keys are kept, so an object that is not changed is written as it was read. Reading finds the first of
/// them, setting leaves one, and removing removes all, so that no duplicate of a removed member remains.
///
/// Lookup is a linear scan: an event has about a dozen members, for which hashing the keys would cost more than it
/// saves.
public struct JSONObject: Sendable {
    /// All members, duplicates included.
    public private(set) var members: [(key: String, value: JSON)]

    public init() {
        members = []
    }

    /// Creates an object of these members, duplicates included.
    public init(members: [(key: String, value: JSON)]) {
        self.members = members
    }

    public var count: Int { members.count }
    public var isEmpty: Bool { members.isEmpty }

    /// The keys in the order of the members, duplicates included.
    public var keys: [String] { members.map(\.key) }

    /// Get: the value of the first member with the key. Set: replaces that value and removes duplicates, or appends a
    /// member when there is none; nil removes all members with the key.
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

    /// Appends a member without looking for another with the same key.
    public mutating func append(key: String, value: JSON) {
        members.append((key: key, value: value))
    }

    /// Calls `body` for each member. It may change the value in place, and returns whether the member stays.
    public mutating func retainMembers(where body: (_ key: String, _ value: inout JSON) -> Bool) {
        var kept = 0
        for index in members.indices {
            // Moved out, so that changing the value does not copy its contents.
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
