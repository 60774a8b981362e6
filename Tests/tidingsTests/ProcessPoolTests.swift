import Pipeline
import Testing

@testable import Commands
@testable import Supervision

@Suite("the names of processes")
struct ProcessPoolTests {
    private func name(_ place: Supervisor.Place) throws -> String {
        let words = place.arguments()
        let flag = try #require(words.firstIndex(of: "--child"))
        return words[flag + 1]
    }

    @Test("no two pools give the same one, though host, process id and place are the same, and no two starts")
    func names() throws {
        var names: [String] = []
        for _ in 0..<2 {
            for places in [ProcessPool.workers(2, stages: []), ProcessPool.edges(2, words: [], sockets: nil)] {
                for place in places { names += try [name(place), name(place)] }
            }
        }
        #expect(names.count == 16)
        #expect(Set(names).count == 16, "\(names)")
    }
}
