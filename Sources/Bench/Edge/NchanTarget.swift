import Console
package import Glibc
import Pipeline
import Supervision

/// nginx with Nchan: another server of long-polls, where it is installed.
package final class NchanTarget: EdgeTarget {
    package let name = "nginx, Nchan"
    package let port: UInt16
    private let pid: pid_t
    private let publisher: HTTPPublisher

    private static let module = "/usr/lib/nginx/modules/ngx_nchan_module.so"

    /// Whether it can be started here.
    package static var isInstalled: Bool {
        access(module, R_OK) == 0 && access(program, X_OK) == 0
    }

    private static let program = "/usr/sbin/nginx"

    package init(folder: BenchFolder, workers: Int) throws {
        port = try LocalPort.unused()
        try folder.write(NchanTarget.configuration(port: port, workers: workers, folder: folder.path), to: "nginx.conf")
        pid = try BenchChild.spawn(
            [
                NchanTarget.program, "-p", folder.path, "-c", folder.path + "/nginx.conf", "-e",
                folder.path + "/error.log",
            ])
        for _ in 0..<1000 {
            if let descriptor = try? LoopbackSocket.connect(to: port) {
                close(descriptor)
                publisher = try HTTPPublisher(port: port, path: "/publish/")
                return
            }
            usleep(5000)
        }
        kill(pid, SIGKILL)
        throw CommandError("nginx did not begin to listen; see \(folder.path)/error.log")
    }

    package var processes: [pid_t] { ProcessUse.children(of: pid) }
    package var helpers: [pid_t] { [] }

    package func style(isStream: Bool) -> ReaderProtocol? { isStream ? nil : .nchan }

    package func visitorTarget(channel: Int) -> String { "/empty" }

    package func publish(_ event: [UInt8], to channel: Int) throws {
        try publisher.publish(event, to: String(channel))
    }

    package func settle() throws -> Bool {
        try publisher.readAnswers(waits: false)
        return publisher.outstanding == 0
    }

    package func stop() {
        kill(pid, SIGTERM)
        var status: Int32 = 0
        waitpid(pid, &status, 0)
    }

    private static func configuration(port: UInt16, workers: Int, folder: String) -> String {
        """
        load_module \(module);
        daemon off;
        worker_processes \(workers);
        worker_rlimit_nofile 20000;
        pid \(folder)/nginx.pid;
        error_log \(folder)/error.log crit;
        events { worker_connections 19000; }
        http {
          access_log off;
          tcp_nodelay on;
          keepalive_timeout 120s;
          keepalive_requests 100000000;
          client_body_temp_path \(folder)/body;
          proxy_temp_path \(folder)/proxy;
          fastcgi_temp_path \(folder)/fastcgi;
          uwsgi_temp_path \(folder)/uwsgi;
          scgi_temp_path \(folder)/scgi;
          nchan_shared_memory_size 1024M;
          server {
            listen 127.0.0.1:\(port) backlog=4096;
            location = /empty { return 200 "[]"; }
            location ~ ^/publish/(.+)$ {
              nchan_publisher; nchan_channel_id $1;
              nchan_message_buffer_length 100000; nchan_message_timeout 1h;
            }
            location ~ ^/sub/(.+)$ {
              nchan_subscriber longpoll; nchan_channel_id $1; nchan_subscriber_first_message oldest;
            }
          }
        }

        """
    }
}
