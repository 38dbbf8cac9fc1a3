# SPDX-License-Identifier: BSD-2-Clause
"""Pages of the fixtures, served as the daemon does it: same headers, same paths."""
import http.server
import os
import subprocess
import threading


class Served:
    """A server on loopback: /NAME is the page of the fixture NAME; ?refresh=1 lets it come
    again after a second, and ?evil puts in what a hole in our escaping would."""

    evil = b'<script>document.title = "evil"</script><img src="http://127.0.0.1:1/x">'

    def __init__(self, render, folder):
        self.render, self.folder = render, folder
        self.policy = subprocess.run([render, 'policy'], check=True, text=True,
                                     capture_output=True).stdout.strip()
        served = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                path, _, query = self.path.partition('?')
                page = served.page(path.strip('/').split('/')[-1])
                if query == 'evil':
                    page = page.replace(b'</main>', served.evil + b'</main>')
                self.send_response(200 if page else 404)
                self.send_header('Content-Type', 'text/html; charset=utf-8')
                self.send_header('Content-Security-Policy', served.policy)
                if query.startswith('refresh='):
                    self.send_header('Refresh', query[8:])
                self.send_header('X-Content-Type-Options', 'nosniff')
                self.send_header('Cache-Control', 'no-store')
                self.send_header('Referrer-Policy', 'no-referrer')
                self.send_header('Content-Length', str(len(page)))
                try:
                    self.end_headers()
                    self.wfile.write(page)
                except ConnectionError:
                    pass  # the tab was closed meanwhile

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.url = 'http://127.0.0.1:%d/' % self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def page(self, name):
        path = os.path.join(self.folder, name + '.json')
        if not name.replace('_', '').isalnum() or not os.path.exists(path):
            return b''
        return subprocess.run([self.render, path], check=True, capture_output=True).stdout

    def close(self):
        self.server.shutdown()
        self.server.server_close()
