/* Takes what comes on a queue and notes when it came and which delivery it is about.
 *
 *   tail HOST PORT USER QUEUE FILE
 *
 * A line for each message: seconds of the monotonic clock, the text behind "delivery_id":". On
 * SIGTERM it ends, with everything written. It costs a few microseconds a message, so that what is
 * measured beside it is not slowed by the measuring.
 */
#include <signal.h>

#include "broker.h"

#define PREFETCH 2000
#define ACK_EVERY 200

static volatile sig_atomic_t stopping = 0;

static void stop(int number) {
  (void)number;
  stopping = 1;
}

static void note(FILE *out, double at, const amqp_bytes_t *body) {
  static const char key[] = "\"delivery_id\":\"";
  const char *text = memmem(body->bytes, body->len, key, sizeof key - 1);
  int length = 0;
  if (text) {
    text += sizeof key - 1;
    const char *end = memchr(text, '"', body->len - (text - (const char *)body->bytes));
    length = end ? (int)(end - text) : 0;
  }
  fprintf(out, "%.6f %.*s\n", at, length, text ? text : "");
}

int main(int count, char **words) {
  if (count != 6) fail("tail HOST PORT USER QUEUE FILE");
  amqp_connection_state_t connection = broker(words[1], atoi(words[2]), words[3]);
  FILE *out = fopen(words[5], "w");
  if (!out) fail("cannot write");
  setvbuf(out, NULL, _IOFBF, 1 << 20);
  struct sigaction action = {.sa_handler = stop};
  sigaction(SIGTERM, &action, NULL);
  amqp_basic_qos(connection, 1, 0, PREFETCH, 0);
  ok(amqp_get_rpc_reply(connection), "cannot set the prefetch");
  amqp_basic_consume(connection, 1, amqp_cstring_bytes(words[4]), amqp_empty_bytes, 0, 0, 0,
                     amqp_empty_table);
  ok(amqp_get_rpc_reply(connection), "cannot consume");
  puts("consuming");
  fflush(stdout);
  uint64_t last = 0, acked = 0;
  while (!stopping) {
    amqp_envelope_t envelope;
    struct timeval patience = {0, 20000};
    amqp_maybe_release_buffers(connection);
    amqp_rpc_reply_t reply = amqp_consume_message(connection, &envelope, &patience, 0);
    if (reply.reply_type == AMQP_RESPONSE_NORMAL) {
      note(out, now(), &envelope.message.body);
      last = envelope.delivery_tag;
      amqp_destroy_envelope(&envelope);
    } else if (reply.library_error != AMQP_STATUS_TIMEOUT) {
      break;
    }
    if (last > acked && (reply.reply_type != AMQP_RESPONSE_NORMAL || last - acked >= ACK_EVERY)) {
      amqp_basic_ack(connection, 1, last, 1);
      acked = last;
    }
  }
  if (last > acked) amqp_basic_ack(connection, 1, last, 1);
  fclose(out);
  amqp_connection_close(connection, AMQP_REPLY_SUCCESS);
  amqp_destroy_connection(connection);
  return stopping ? 0 : 1;
}
