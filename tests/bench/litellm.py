"""LiteLLM's proxy as a peer: installed when it is first needed, with one model behind an upstream."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

PACKAGE = "litellm[proxy]"
START_LIMIT = 120


class LiteLlm:
    key = "sk-bench"

    def __init__(self, environment, folder, upstream, model):
        self.environment, self.folder = environment, folder
        self.configuration = folder / "litellm.yaml"
        self.configuration.write_text(
            f"model_list:\n  - model_name: {model}\n    litellm_params:\n      model: openai/peer\n"
            f"      api_base: {upstream}/v1\n      api_key: none\n"
            f"general_settings:\n  master_key: {self.key}\nlitellm_settings:\n  telemetry: false\n")

    def _installed(self):
        program = self.environment / "bin" / "litellm"
        if not (self.environment / "done").exists():
            print(f"installing {PACKAGE} into {self.environment}", flush=True)
            subprocess.run([sys.executable, "-m", "venv", "--clear", self.environment], check=True)
            pip = [self.environment / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE]
            subprocess.run(pip, check=True)
            (self.environment / "done").touch()
        return program

    def __enter__(self):
        program = self._installed()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        command = [program, "--config", self.configuration, "--host", "127.0.0.1", "--port", str(port),
                   "--num_workers", str(os.cpu_count()), "--telemetry", "False"]
        log = (self.folder / "litellm.log").open("wb")
        clean = os.environ | {"LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=clean, start_new_session=True)
        self._await(time.monotonic() + START_LIMIT)
        return self

    def _await(self, deadline):
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.address}/health/liveliness", timeout=2):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        self.__exit__()
        raise RuntimeError(f"LiteLLM did not start:\n{(self.folder / 'litellm.log').read_text()[-2000:]}")

    def __exit__(self, *_):
        # Its workers are processes of their own, in a group that we made.
        if self.process.poll() is None:
            os.killpg(self.process.pid, 15)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, 9)
                self.process.wait()
