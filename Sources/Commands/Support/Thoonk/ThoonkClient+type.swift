import Console
import Thoonk

extension ThoonkClient {
    /// The type of a feed that has to be there.
    ///
    /// - Throws: ``CommandError`` when it is not, or of a type that the contract does not know.
    func type(of name: String) async throws -> FeedType {
        let written = try await feed(name).configuration()["type"]
        guard let written, try await exists(name) else {
            throw CommandError("there is no feed '\(name)'; 'tidings feed list' shows what there is")
        }
        guard let type = FeedType(rawValue: written) else {
            throw CommandError("the feed '\(name)' is of the type \(written), which only the client that made it knows")
        }
        return type
    }

    /// The same for a verb of one type.
    func require(_ name: String, _ type: FeedType) async throws {
        let found = try await self.type(of: name)
        guard found == type else {
            throw CommandError("the feed '\(name)' is of the type \(found.rawValue), not \(type.rawValue)")
        }
    }
}
