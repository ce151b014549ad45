/* One connection to the broker, opened or the program ends with what went wrong. */
#ifndef CAUDAL_BENCH_BROKER_H
#define CAUDAL_BENCH_BROKER_H

#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

static double now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec + at.tv_nsec / 1e9;
}

static void fail(const char *what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}

static void ok(amqp_rpc_reply_t reply, const char *what) {
  if (reply.reply_type != AMQP_RESPONSE_NORMAL) fail(what);
}

/* The password comes by the environment: arguments are seen by everybody. So does the vhost, where
 * it is not the usual one. */
static amqp_connection_state_t broker(const char *host, int port, const char *user) {
  const char *password = getenv("BROKER_PASSWORD"), *vhost = getenv("BROKER_VHOST");
  amqp_connection_state_t connection = amqp_new_connection();
  amqp_socket_t *socket = amqp_tcp_socket_new(connection);
  if (!socket || amqp_socket_open(socket, host, port)) fail("cannot connect");
  ok(amqp_login(connection, vhost ? vhost : "/", 0, AMQP_DEFAULT_FRAME_SIZE, 0,
                AMQP_SASL_METHOD_PLAIN, user, password ? password : ""),
     "cannot log in");
  amqp_channel_open(connection, 1);
  ok(amqp_get_rpc_reply(connection), "cannot open a channel");
  return connection;
}

#endif
