import TestSupport
import Testing

/// What a page loads from the edge.
struct ClientFilesTests {
    @Test("every edge serves tidings.js as it stands in Sources, and again only when it has changed")
    func script() throws {
        let up = try TidingsUp()
        let client = HTTPClient(port: up.port)
        let answer = try client.get("/tidings.js")
        let script = try ClientPage.script
        #expect(answer.status == 200 && answer.text == script)
        #expect(answer[header: "Content-Type"]?.hasPrefix("text/javascript") == true)
        let tag = try #require(answer[header: "ETag"])
        #expect(try client.get("/tidings.js", headers: ["If-None-Match": tag]).status == 304)
        #expect(try client.get("/tidings.mjs").text.contains("export"))
        #expect(try client.get("/tidings.d.ts").status == 200)
    }
}
