"""A TCP port of 127.0.0.1 with a thread that accepts."""
import socket
import threading


class Listener:
    """take(socket) gets each connection, in the listener's thread."""

    def __init__(self, take):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self._accept, args=(take,),
                                       daemon=True)
        self.thread.start()

    def _accept(self, take):
        while True:
            try:
                s, _ = self.socket.accept()
            except OSError:
                return
            take(s)

    def stop(self):
        """The thread is gone before the descriptor is: a kernel that begins
        accept() again does so by its number, and were that another's by
        then, the clients of that one came here."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.thread.join(10)
        self.socket.close()
