/// What a check is about.
enum DoctorGroup: String, CaseIterable {
    case redis
    case pipeline
    case feeds
    case system

    var title: String {
        switch self {
        case .redis: "Redis"
        case .pipeline: "Pipeline"
        case .feeds: "Feeds"
        case .system: "System"
        }
    }
}
