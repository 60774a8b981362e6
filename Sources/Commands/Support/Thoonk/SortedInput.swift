import Thoonk

/// Items on their way into a sorted feed.
struct SortedInput {
    let input: ItemInput
    let json: Bool

    /// Puts them at a place, in their order, many in one step; prints their ids.
    func put(into feed: SortedFeed, at position: FeedPosition) async throws {
        var output = ItemOutput(json: json)
        var place = position
        try await input.batches { batch in
            let ids = try await feed.publish(all: batch, at: place)
            try output.ids(ids)
            // The next batch stands behind this one, not in front of it.
            switch place {
            case .first, .after: place = ids.last.map(FeedPosition.after) ?? place
            case .last, .before: break
            }
        }
    }
}
