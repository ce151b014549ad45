/* Posts prepared requests over kept connections, each at its time, one at a time on each connection.
 *
 *   send PORT CONNECTIONS RATE SECONDS LINGER REQUESTS TIMES
 *
 * REQUESTS holds one request after another: its length (32 bits, as this machine has them) and its
 * bytes. With RATE 0 every connection is kept busy for SECONDS; else RATE requests a second are due,
 * at even distances, and one for which no connection is free waits here: its latency counts from
 * when it was due. Answers are waited for at most LINGER seconds beyond the last send.
 *
 * It says `ready` when it is connected and begins at a line on its input. SIGUSR1 ends the sending
 * before its time. At the end it writes when
 * each request was due and when its answer was complete (doubles, seconds of the monotonic clock; 0:
 * never) and the status (16 bits) into TIMES, and says how many connections were cut under a
 * request and what CPU it used meanwhile. Under the end-to-end load a request costs it 18 µs, flat
 * out 12, nearly all of it the kernel's; a client in Python took 33 from the machine that it measured.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ROOM 16384     /* bytes of one answer */
#define NONE UINT32_MAX
/* From so many a second on, and flat out, it looks only every TICK seconds: waking up for each send
 * and each answer would take twice the CPU, and the server pays for waking it: E was then 15,000 or
 * 29,000 a second from one second to the next. What is measured comes out at most so much longer. */
#define DENSE 2000
#define TICK 0.0005

struct connection {
  int handle;
  uint32_t number; /* of the request that it is busy with, or NONE */
  size_t sent, got;
  char answer[ROOM];
};

static const char *bytes;
static uint64_t *begins; /* where each request begins in `bytes`, behind its length */
static uint32_t *lengths, count;
static double *due, *done;
static uint16_t *statuses;
static struct connection *all;
static struct connection **idle; /* a ring: each has its turn */
static uint32_t connections, idle_first, idle_count, next_due, next_sent, under_way, cut;
static int epoll, port;
static volatile sig_atomic_t enough;

static void fail(const char *what) {
  fprintf(stderr, "send: %s\n", what);
  exit(1);
}

static void on_enough(int which) {
  (void)which;
  enough = 1;
}

static double now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec + at.tv_nsec / 1e9;
}

static double cpu(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  return used.ru_utime.tv_sec + used.ru_stime.tv_sec +
         (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void load(const char *path) {
  int file = open(path, O_RDONLY);
  struct stat told;
  if (file < 0 || fstat(file, &told)) fail("cannot read the requests");
  uint64_t size = told.st_size, at = 0;
  bytes = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0) : "";
  if (bytes == MAP_FAILED) fail("cannot map the requests");
  for (uint64_t place = 0; place + 4 <= size; count++) {
    uint32_t length;
    memcpy(&length, bytes + place, 4);
    place += 4 + length;
  }
  begins = calloc(count + 1, sizeof *begins);
  lengths = calloc(count + 1, sizeof *lengths);
  due = calloc(count + 1, sizeof *due);
  done = calloc(count + 1, sizeof *done);
  statuses = calloc(count + 1, sizeof *statuses);
  if (!begins || !lengths || !due || !done || !statuses) fail("no memory");
  for (uint32_t n = 0; n < count; n++) {
    memcpy(&lengths[n], bytes + at, 4);
    begins[n] = at + 4;
    at += 4 + (uint64_t)lengths[n];
    if (at > size) fail("the requests are cut short");
  }
}

static void rest(struct connection *one) {
  idle[(idle_first + idle_count++) % connections] = one;
}

static struct connection *wake(void) {
  struct connection *one = idle[idle_first];
  idle_first = (idle_first + 1) % connections;
  idle_count--;
  return one;
}

static void connect_one(struct connection *one) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int on = 1;
  one->handle = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (one->handle < 0 || connect(one->handle, (struct sockaddr *)&to, sizeof to))
    fail("cannot connect");
  setsockopt(one->handle, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  fcntl(one->handle, F_SETFL, O_NONBLOCK);
  struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = one};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, one->handle, &wanted)) fail("cannot watch");
  one->number = NONE;
  one->got = 0;
  rest(one);
}

static void lost(struct connection *one) {
  close(one->handle);
  if (one->number != NONE) {
    cut++;
    under_way--;
  } else {
    for (uint32_t n = idle_count; n; n--) {
      struct connection *other = wake();
      if (other != one) rest(other);
    }
  }
  connect_one(one);
}

static void watch(struct connection *one, int also_write) {
  struct epoll_event wanted = {.events = EPOLLIN | (also_write ? EPOLLOUT : 0), .data.ptr = one};
  epoll_ctl(epoll, EPOLL_CTL_MOD, one->handle, &wanted);
}

static void push(struct connection *one) {
  uint32_t length = lengths[one->number];
  ssize_t taken = send(one->handle, bytes + begins[one->number] + one->sent, length - one->sent,
                       MSG_NOSIGNAL);
  if (taken < 0 && errno != EAGAIN) {
    lost(one);
    return;
  }
  int waited = one->sent > 0 || taken < 0;
  one->sent += taken > 0 ? taken : 0;
  if (one->sent < length || waited) watch(one, one->sent < length);
}

static void post(void) {
  while (idle_count && next_sent < next_due) {
    struct connection *one = wake();
    one->number = next_sent++;
    one->sent = 0;
    under_way++;
    push(one);
  }
}

/* The length of a whole answer, or 0 where its head is not here yet. */
static size_t whole(const char *answer, size_t got) {
  const char *end = memmem(answer, got, "\r\n\r\n", 4);
  if (!end) return 0;
  size_t body = 0;
  for (const char *line = answer; line && line < end;) {
    if (!strncasecmp(line, "content-length:", 15)) body = strtoul(line + 15, NULL, 10);
    line = memmem(line, end - line, "\r\n", 2);
    if (line) line += 2;
  }
  return end + 4 - answer + body;
}

static void pull(struct connection *one) {
  for (;;) {
    ssize_t more = recv(one->handle, one->answer + one->got, ROOM - 1 - one->got, 0);
    if (more < 0 && errno == EAGAIN) return;
    if (more <= 0) {
      lost(one);
      return;
    }
    one->got += more;
    one->answer[one->got] = 0;
    size_t length = whole(one->answer, one->got);
    if (!length || one->got < length) {
      if (one->got == ROOM - 1) fail("an answer of more than 16 KiB");
      continue;
    }
    if (one->number == NONE) fail("an answer to nothing");
    done[one->number] = now();
    statuses[one->number] = strtoul(one->answer + 9, NULL, 10);
    one->number = NONE;
    one->got = 0;
    under_way--;
    rest(one);
    return;
  }
}

static struct timespec from(double left) {
  struct timespec wait = {0, 0};
  if (left > 0) {
    wait.tv_sec = (time_t)left;
    wait.tv_nsec = (long)((left - wait.tv_sec) * 1e9);
  }
  return wait;
}

static void turn(double until) {
  struct epoll_event events[256];
  struct timespec wait = from(until - now());
  int found = epoll_pwait2(epoll, events, 256, &wait, NULL);
  if (found < 0 && errno != EINTR) fail("cannot wait");
  for (int n = 0; n < found; n++) {
    struct connection *one = events[n].data.ptr;
    if (events[n].events & EPOLLOUT && one->number != NONE) push(one);
    if (events[n].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) pull(one);
  }
}

static void pause_a_tick(void) {
  struct timespec tick = from(TICK);
  nanosleep(&tick, NULL);
}

static void at_rate(double rate, uint32_t last) {
  double begun = now() + 0.01;
  while (next_due < last && !enough) {
    double moment = now();
    while (next_due < last && begun + next_due / rate <= moment) {
      due[next_due] = begun + next_due / rate;
      next_due++;
    }
    post();
    if (rate >= DENSE) {
      pause_a_tick();
      turn(0);
    } else {
      turn(next_due < last ? begun + next_due / rate : moment);
    }
  }
}

static void flat_out(double seconds) {
  double until = now() + seconds;
  for (double moment = now(); moment < until && next_due < count && !enough; moment = now()) {
    while (next_due < count && next_due - next_sent < idle_count) due[next_due++] = moment;
    post();
    pause_a_tick();
    turn(until);
  }
}

static void tell(const char *path) {
  FILE *out = fopen(path, "w");
  if (!out || fwrite(due, sizeof *due, next_due, out) < next_due ||
      fwrite(done, sizeof *done, next_due, out) < next_due ||
      fwrite(statuses, sizeof *statuses, next_due, out) < next_due || fclose(out))
    fail("cannot write the times");
}

int main(int words, char **word) {
  if (words != 8) fail("send PORT CONNECTIONS RATE SECONDS LINGER REQUESTS TIMES");
  port = atoi(word[1]);
  connections = atoi(word[2]);
  double rate = atof(word[3]), seconds = atof(word[4]), linger = atof(word[5]);
  load(word[6]);
  prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
  epoll = epoll_create1(EPOLL_CLOEXEC);
  all = calloc(connections, sizeof *all);
  idle = calloc(connections, sizeof *idle);
  if (epoll < 0 || !all || !idle) fail("no memory");
  for (uint32_t n = 0; n < connections; n++) connect_one(&all[n]);
  signal(SIGUSR1, on_enough);
  puts("ready");
  fflush(stdout);
  if (getchar() == EOF) return 0;
  double begun = now(), used = cpu();
  if (rate > 0) {
    uint32_t last = (uint32_t)(rate * seconds);
    at_rate(rate, last < count ? last : count);
  } else {
    flat_out(seconds);
  }
  for (double until = now() + linger; (under_way || next_sent < next_due) && now() < until;) {
    post();
    turn(now() + 0.01);
  }
  double ended = now();
  used = cpu() - used;
  tell(word[7]);
  printf("{\"begun\": %.6f, \"ended\": %.6f, \"sent\": %u, \"cut\": %u, \"cpu_s\": %.6f}\n", begun,
         ended, next_due, cut, used);
  return 0;
}
