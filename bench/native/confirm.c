/* Publishes messages of one size and waits for the broker to confirm them.
 *
 *   confirm HOST PORT USER QUEUE BYTES WINDOW APART WARM SECONDS
 *
 * Persistent, mandatory, with a content type and a message id, as Caudal sends them. At most WINDOW
 * are unconfirmed at a time; APART is the time between two sends in microseconds (0: at once). For
 * WARM seconds nothing counts. It writes a line with the library's version, the seconds that were
 * measured, how many confirms came in them, and how many messages it sent in all; then a line for
 * each message sent in them: microseconds until its confirm. A message that is refused or returned
 * ends the program.
 */
#include "broker.h"

typedef struct {
  double *sent, *done;
  uint64_t count, room, oldest, open; /* tags begin at 1; all below oldest are confirmed */
} book_t;

static void grow(book_t *book) {
  if (book->count + 1 < book->room) return;
  book->room = book->room ? 2 * book->room : 1 << 16;
  book->sent = realloc(book->sent, book->room * sizeof *book->sent);
  book->done = realloc(book->done, book->room * sizeof *book->done);
  if (!book->sent || !book->done) fail("no memory");
}

static void confirm(book_t *book, uint64_t tag, double at) {
  if (tag > book->count || book->done[tag] != 0) return;
  book->done[tag] = at;
  book->open--;
}

static void take(amqp_connection_state_t connection, book_t *book, const struct timeval *patience) {
  amqp_frame_t frame;
  int status = amqp_simple_wait_frame_noblock(connection, &frame, patience);
  if (status == AMQP_STATUS_TIMEOUT) return;
  if (status != AMQP_STATUS_OK) fail("the connection was lost");
  if (frame.frame_type != AMQP_FRAME_METHOD) return;
  if (frame.payload.method.id != AMQP_BASIC_ACK_METHOD) fail("a message was not confirmed");
  amqp_basic_ack_t *ack = frame.payload.method.decoded;
  double at = now();
  if (ack->multiple)
    for (uint64_t tag = book->oldest; tag <= ack->delivery_tag; tag++) confirm(book, tag, at);
  else
    confirm(book, ack->delivery_tag, at);
  while (book->oldest <= book->count && book->done[book->oldest] != 0) book->oldest++;
}

static void sleep_until(double at) {
  struct timespec then = {(time_t)at, (long)((at - (time_t)at) * 1e9)};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL);
}

int main(int count, char **words) {
  if (count != 10) fail("confirm HOST PORT USER QUEUE BYTES WINDOW APART WARM SECONDS");
  amqp_connection_state_t connection = broker(words[1], atoi(words[2]), words[3]);
  amqp_bytes_t body = {strtoul(words[5], NULL, 10), NULL};
  uint64_t window = strtoul(words[6], NULL, 10);
  double apart = atof(words[7]) / 1e6, warm = atof(words[8]), seconds = atof(words[9]);
  if (!(body.bytes = malloc(body.len + 1))) fail("no memory");
  memset(body.bytes, 'x', body.len);
  amqp_confirm_select(connection, 1);
  ok(amqp_get_rpc_reply(connection), "no confirms");
  char id[33];
  amqp_basic_properties_t properties = {
      ._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG |
                AMQP_BASIC_MESSAGE_ID_FLAG,
      .content_type = amqp_cstring_bytes("application/vnd.caudal.webhook-received.v1"),
      .delivery_mode = 2,
      .message_id = {32, id},
  };
  book_t book = {.oldest = 1};
  const struct timeval nothing = {0, 0}, patience = {10, 0};
  double begun = now(), from = begun + warm, until = from + seconds;
  double at;
  while ((at = now()) < until) {
    if (apart > 0) {
      sleep_until(begun + book.count * apart);
      at = now();
    }
    grow(&book);
    uint64_t tag = ++book.count;
    book.sent[tag] = at;
    book.done[tag] = 0;
    book.open++;
    snprintf(id, sizeof id, "%032lx", (unsigned long)tag);
    if (amqp_basic_publish(connection, 1, amqp_empty_bytes, amqp_cstring_bytes(words[4]), 1, 0,
                           &properties, body) != AMQP_STATUS_OK)
      fail("cannot publish");
    while (book.open >= window && now() < at + 10) take(connection, &book, &patience);
    if (book.open >= window) fail("nothing is confirmed");
    while (amqp_frames_enqueued(connection) || amqp_data_in_buffer(connection))
      take(connection, &book, &nothing);
    amqp_maybe_release_buffers(connection);
  }
  while (book.open && now() < until + 10) take(connection, &book, &patience);
  if (book.open) fail("not everything was confirmed");
  uint64_t confirmed = 0;
  for (uint64_t tag = 1; tag <= book.count; tag++)
    confirmed += book.done[tag] >= from && book.done[tag] < until;
  printf("%s %.6f %lu %lu\n", amqp_version(), seconds, (unsigned long)confirmed,
         (unsigned long)book.count);
  for (uint64_t tag = 1; tag <= book.count; tag++)
    if (book.sent[tag] >= from) printf("%.1f\n", 1e6 * (book.done[tag] - book.sent[tag]));
  amqp_connection_close(connection, AMQP_REPLY_SUCCESS);
  amqp_destroy_connection(connection);
  return 0;
}
