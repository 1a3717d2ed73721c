// The trivial upstream of `script/bench voice`: answers every chat completion with the same object, or with a stream of
// small events that say when they were written. A thread for each connection; it does nothing else, so that it is not
// what is measured. Arguments: events in a stream, microseconds between them. Prints its port.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int events = 32;
static long gap = 2000;

static const char ANSWER[] =
    "{\"id\":\"chatcmpl-5w2e\",\"object\":\"chat.completion\",\"created\":1772442847,\"model\":\"peer\",\"choices\":[{\"index\":0,"
    "\"message\":{\"role\":\"assistant\",\"content\":\"We open at nine.\"},\"finish_reason\":\"stop\"}],\"usage\":"
    "{\"prompt_tokens\":21,\"completion_tokens\":6,\"total_tokens\":27}}";

static long long now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static int say(int peer, const char *text, size_t length) {
    while (length > 0) {
        ssize_t written = send(peer, text, length, MSG_NOSIGNAL);
        if (written <= 0) return 0;
        text += written;
        length -= written;
    }
    return 1;
}

static int chunk(int peer, const char *data) {
    char piece[1024];
    int length = snprintf(piece, sizeof piece, "%zx\r\n%s\r\n", strlen(data), data);
    return say(peer, piece, length);
}

static int stream(int peer) {
    static const char HEAD[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    if (!say(peer, HEAD, sizeof HEAD - 1)) return 0;
    char event[512];
    for (int at = 0; at < events; at++) {
        if (at > 0) usleep(gap);
        snprintf(event, sizeof event,
                 "data: {\"id\":\"chatcmpl-%lld\",\"object\":\"chat.completion.chunk\",\"created\":1772442847,\"model\":\"peer\","
                 "\"choices\":[{\"index\":0,\"delta\":{\"content\":\" nine\"},\"finish_reason\":null}]}\n\n", now());
        if (!chunk(peer, event)) return 0;
    }
    return chunk(peer, "data: [DONE]\n\n") && say(peer, "0\r\n\r\n", 5);
}

static int whole(int peer) {
    char answer[1024];
    int length = snprintf(answer, sizeof answer,
                          "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                          sizeof ANSWER - 1, ANSWER);
    return say(peer, answer, length);
}

// Reads one request whole into `text`; its length, or 0 when the caller has left.
static size_t request(int peer, char *text, size_t room) {
    size_t have = 0, wanted = 0;
    while (have < room - 1 && (wanted == 0 || have < wanted)) {
        ssize_t more = recv(peer, text + have, room - 1 - have, 0);
        if (more <= 0) return 0;
        have += more;
        text[have] = 0;
        char *end = strstr(text, "\r\n\r\n");
        if (wanted == 0 && end) {
            char *length = strcasestr(text, "\r\ncontent-length:");
            wanted = end + 4 - text + (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
        }
    }
    return have;
}

static void *serve(void *argument) {
    int peer = (int)(long)argument, yes = 1;
    setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    char text[16384];
    while (request(peer, text, sizeof text)) {
        int streamed = strstr(text, "\"stream\":true") || strstr(text, "\"stream\": true");
        if (!(streamed ? stream(peer) : whole(peer))) break;
    }
    close(peer);
    return NULL;
}

int main(int count, char **arguments) {
    if (count > 1) events = atoi(arguments[1]);
    if (count > 2) gap = atol(arguments[2]);
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;
    int door = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(door, (struct sockaddr *)&here, size) || listen(door, 1024) || getsockname(door, (struct sockaddr *)&here, &size))
        return 1;
    printf("http://127.0.0.1:%d\n", ntohs(here.sin_port));
    fflush(stdout);
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 256 * 1024);
    for (;;) {
        int peer = accept(door, NULL, NULL);
        pthread_t thread;
        if (peer >= 0 && pthread_create(&thread, &small, serve, (void *)(long)peer) == 0) pthread_detach(thread);
    }
}
