import Redis
import Store

/// Steps that treat the server itself.
extension World {
    func treat(_ step: Step) {
        do {
            try perform(step)
        } catch {
            fatalError("the server cannot be treated with \(step): \(error)")
        }
        collect()
    }

    private func perform(_ step: Step) throws {
        switch step {
        case .save:
            try server.save()
            observe(.saved)
        case .restart:
            try server.restart()
            breakLinks()
            observe(.restarted)
        case .takeBack:
            let isEmpty = !server.hasCopy
            try server.takeBack()
            breakLinks()
            observe(.takenBack(isEmpty: isEmpty))
            observe(.restarted)
        case .demote:
            let isEmpty = !server.hasCopy
            try server.demote()
            observe(.takenBack(isEmpty: isEmpty))
        case .flush:
            server.call("FLUSHALL")
            observe(.takenBack(isEmpty: true))
        case .forgetFunctions: server.call("FUNCTION", "FLUSH")
        case .forgetConfiguration: server.call("DEL", layout.config)
        case .revoke(let right): revoke(right)
        case .grant:
            server.allow(nil)
            observe(.rightsChanged(isComplete: true))
        default: break
        }
    }

    /// What the server had written before it ended can still be read; then the connection is seen to have ended.
    private func breakLinks() {
        network.collect()
        for link in network.all where link.socket != nil { _ = link.socket?.drain() }
    }

    private func revoke(_ right: Step.Right) {
        let channels = ["\(World.pipeline):*", "tidings:*", "__redis__:invalidate", "conffeed", "delfeed"]
        let feeds = ["feed.publish:*", "feed.retract:*", "feed.edit:*"]
        switch right {
        case .newfeed: allow(keys: ["~*"], channels: channels + feeds)
        case .publish: allow(keys: ["~*"], channels: channels + ["newfeed", "feed.retract:*", "feed.edit:*"])
        case .feeds: allow(keys: ["~\(World.pipeline)*", "~{\(World.pipeline)*", "%R~feed*"], channels: nil)
        }
        observe(.rightsChanged(isComplete: false))
    }

    private func allow(keys: [String], channels: [String]?) {
        server.allow(keys + (channels?.map { "&" + $0 } ?? ["&*"]))
    }
}
