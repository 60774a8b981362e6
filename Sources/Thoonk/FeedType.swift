/// The types of feed that the Thoonk contract knows. The raw value is what stands in `feed.config:F`.
public enum FeedType: String, Sendable, CaseIterable {
    case feed
    case sortedFeed = "sorted_feed"
    case queue
    case job
}
