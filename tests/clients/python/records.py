"""Records as the protocol of programs.py writes them."""

import base64
import threading
import traceback


def unpack(text):
    return None if text is None else base64.b64decode(text)


def pack(content):
    return None if content is None else base64.b64encode(content).decode()


def packed(offset, key, value, headers, time):
    return {"offset": offset, "key": pack(key), "value": pack(value), "headers": [[name, pack(content)] for name, content in headers], "time": time}


class Loop(threading.Thread):
    """A member's thread: `turn` is called until the member shall leave, then `close`; what goes wrong is told to who asked it to leave."""

    def __init__(self, turn, close):
        super().__init__(daemon=True)
        self.turn, self.close = turn, close
        self.ends = threading.Event()
        self.error = None
        self.start()

    def run(self):
        try:
            while not self.ends.is_set():
                self.turn()
            self.close()
        except Exception as error:  # noqa: BLE001: it is raised where the member leaves
            self.error = error
            traceback.print_exc()

    def leave(self):
        self.ends.set()
        self.join()
        if self.error:
            raise self.error
