"""Connections that come and go: each says HELLO, takes the role of master, waits for a barrier and ends, in one of four ways.

usage: flap.py ADDRESS PORT COUNT FIRST_GENERATION
"""
import socket
import struct
import sys

HELLO, ECHO_REQUEST, BARRIER_REQUEST, BARRIER_REPLY, ROLE_REQUEST = 0, 2, 20, 21, 24
MASTER = 2


def message(kind, xid, body=b''):
    return struct.pack('!BBHI', 4, kind, 8 + len(body), xid) + body


def read(connection, size):
    data = b''
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise EOFError('the switch closed the connection')
        data += part
    return data


def expect(connection, kind):
    while True:
        header = read(connection, 8)
        found, size = header[1], struct.unpack('!H', header[2:4])[0]
        read(connection, size - 8)
        if found == kind:
            return


def main(address, port, count, generation):
    for number in range(count):
        connection = socket.create_connection((address, port), timeout=10)
        connection.sendall(message(HELLO, 1) + message(ROLE_REQUEST, 2, struct.pack('!IIQ', MASTER, 0, generation + number)) + message(BARRIER_REQUEST, 3))
        expect(connection, BARRIER_REPLY)
        way = number % 4
        if way == 1:                    # a reset
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        elif way == 2:                  # in the middle of a message
            connection.sendall(message(ECHO_REQUEST, 4, bytes(100))[:50])
        elif way == 3:                  # with a reply on its way
            connection.sendall(message(ECHO_REQUEST, 5, bytes(1000)))
        connection.close()


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
