/// Finds out how the pipeline is, for the dashboard.
public protocol StatusSource: AnyObject {
    /// Makes the document that `/dashboard.json` is answered with: one JSON object, also when nothing can be found out.
    ///
    /// Called on the loop's thread, again only after it has called back. Calls back exactly once, on the loop's thread, at
    /// once or later; `hasAnswer`: whether Redis has said anything.
    func read(completion: @escaping (_ body: [UInt8], _ hasAnswer: Bool) -> Void)
}
