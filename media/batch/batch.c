/*
 * The two socket loops of the media plane: receive all that is ready, send all that is built.
 *
 * Everything else is NumPy. media/batch/loops.py has the same in Python; the tests compare them.
 * Addresses are (IPv4 << 16 | port), host byte order, in 64 bits; 0 means "none".
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

static int view(PyObject *object, Py_buffer *buffer, int writable, Py_ssize_t least, const char *what)
{
    if (PyObject_GetBuffer(object, buffer, writable ? PyBUF_CONTIG : PyBUF_CONTIG_RO))
        return -1;
    if (buffer->len < least) {
        PyErr_Format(PyExc_ValueError, "%s is too small", what);
        PyBuffer_Release(buffer);
        return -1;
    }
    return 0;
}

PyDoc_STRVAR(receive_doc,
"receive(epoll, fds, numbers, rounds, packets, width, lengths, sources, rows) -> count\n\n"
"Read datagrams without waiting from fds (int32), all registered with epoll: in each of at most rounds rounds one of\n"
"every socket that is ready, in the order of fds, until none is ready or packets is full. packets is\n"
"(capacity, width) uint8; lengths (int32) holds the true length, which may exceed width; sources (uint64) the sender;\n"
"rows (int32) the entry of numbers (int32) that belongs to the socket.");

static PyObject *receive(PyObject *self, PyObject *args)
{
    PyObject *o_fds, *o_numbers, *o_packets, *o_lengths, *o_sources, *o_rows;
    Py_ssize_t width;
    int poll, rounds;
    (void)self;
    if (!PyArg_ParseTuple(args, "iOOiOnOOO", &poll, &o_fds, &o_numbers, &rounds, &o_packets, &width, &o_lengths,
                          &o_sources, &o_rows))
        return NULL;
    Py_buffer fds, numbers, packets, lengths, sources, rows;
    PyObject *result = NULL;
    struct epoll_event *events = NULL;
    uint8_t *ready = NULL;
    if (view(o_fds, &fds, 0, 0, "fds"))
        return NULL;
    if (view(o_numbers, &numbers, 0, fds.len, "numbers"))
        goto no_numbers;
    if (view(o_packets, &packets, 1, 0, "packets"))
        goto no_packets;
    Py_ssize_t sockets = fds.len / (Py_ssize_t)sizeof(int32_t);
    Py_ssize_t capacity = width > 0 ? packets.len / width : 0;
    if (view(o_lengths, &lengths, 1, capacity * (Py_ssize_t)sizeof(int32_t), "lengths"))
        goto no_lengths;
    if (view(o_sources, &sources, 1, capacity * (Py_ssize_t)sizeof(uint64_t), "sources"))
        goto no_sources;
    if (view(o_rows, &rows, 1, capacity * (Py_ssize_t)sizeof(int32_t), "rows"))
        goto no_rows;
    const int32_t *fd = fds.buf, *number = numbers.buf;
    Py_ssize_t highest = 0;
    for (Py_ssize_t at = 0; at < sockets; at++)
        if (fd[at] > highest)
            highest = fd[at];
    events = PyMem_RawMalloc((size_t)(sockets + 1) * sizeof *events);
    ready = PyMem_RawCalloc((size_t)highest + 1, 1);
    if (!events || !ready) {
        PyErr_NoMemory();
        goto done;
    }

    uint8_t *packet = packets.buf;
    int32_t *length = lengths.buf, *row = rows.buf;
    uint64_t *source = sources.buf;
    Py_ssize_t count = 0;
    Py_BEGIN_ALLOW_THREADS
    for (int round = 0; round < rounds && count < capacity; round++) {
        int found = epoll_wait(poll, events, (int)sockets + 1, 0);
        if (found <= 0)
            break;
        for (int k = 0; k < found; k++)
            if (events[k].data.fd >= 0 && events[k].data.fd <= highest)
                ready[events[k].data.fd] = 1;
        for (Py_ssize_t at = 0; at < sockets; at++) {
            struct sockaddr_in from;
            socklen_t size = sizeof from;
            if (fd[at] < 0 || !ready[fd[at]])
                continue;
            ready[fd[at]] = 0;
            if (count == capacity)
                continue;
            ssize_t n = recvfrom(fd[at], packet + count * width, (size_t)width, MSG_DONTWAIT | MSG_TRUNC,
                                 (struct sockaddr *)&from, &size);
            if (n < 0)
                continue; /* an ICMP error of what was sent earlier, and now forgotten; or a bad checksum */
            length[count] = (int32_t)n;
            source[count] = (uint64_t)ntohl(from.sin_addr.s_addr) << 16 | ntohs(from.sin_port);
            row[count] = number[at];
            count++;
        }
    }
    Py_END_ALLOW_THREADS
    result = PyLong_FromSsize_t(count);
done:
    PyMem_RawFree(events);
    PyMem_RawFree(ready);
    PyBuffer_Release(&rows);
no_rows:
    PyBuffer_Release(&sources);
no_sources:
    PyBuffer_Release(&lengths);
no_lengths:
    PyBuffer_Release(&packets);
no_packets:
    PyBuffer_Release(&numbers);
no_numbers:
    PyBuffer_Release(&fds);
    return result;
}

PyDoc_STRVAR(send_doc,
"send(fds, packets, width, lengths, targets) -> failed\n\n"
"Send row k of packets (n, width), lengths[k] bytes (int32), from fds[k] (int32) to targets[k] (uint64; 0: the\n"
"socket is connected). A packet that the kernel does not take is lost, as on any network; failed counts them.");

static PyObject *send_rows(PyObject *self, PyObject *args)
{
    PyObject *o_fds, *o_packets, *o_lengths, *o_targets;
    Py_ssize_t width;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOnOO", &o_fds, &o_packets, &width, &o_lengths, &o_targets))
        return NULL;
    Py_buffer fds, packets, lengths, targets;
    PyObject *result = NULL;
    if (view(o_fds, &fds, 0, 0, "fds"))
        return NULL;
    Py_ssize_t rows = fds.len / (Py_ssize_t)sizeof(int32_t);
    if (view(o_packets, &packets, 0, rows * width, "packets"))
        goto no_packets;
    if (view(o_lengths, &lengths, 0, rows * (Py_ssize_t)sizeof(int32_t), "lengths"))
        goto no_lengths;
    if (view(o_targets, &targets, 0, rows * (Py_ssize_t)sizeof(uint64_t), "targets"))
        goto no_targets;

    const int32_t *fd = fds.buf, *length = lengths.buf;
    const uint8_t *packet = packets.buf;
    const uint64_t *target = targets.buf;
    long failed = 0;
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t k = 0; k < rows; k++) {
        struct sockaddr_in to = {.sin_family = AF_INET};
        ssize_t n;
        if (length[k] < 0 || length[k] > width) {
            failed++;
            continue;
        }
        to.sin_addr.s_addr = htonl((uint32_t)(target[k] >> 16));
        to.sin_port = htons((uint16_t)target[k]);
        for (int again = 0; again < 2; again++) {
            n = sendto(fd[k], packet + k * width, (size_t)length[k], MSG_DONTWAIT | MSG_NOSIGNAL,
                       target[k] ? (struct sockaddr *)&to : NULL, target[k] ? sizeof to : 0);
            if (n >= 0 || errno != ECONNREFUSED)
                break; /* ECONNREFUSED tells of an earlier packet; this one was not sent yet */
        }
        failed += n < 0;
    }
    Py_END_ALLOW_THREADS
    result = PyLong_FromLong(failed);
    PyBuffer_Release(&targets);
no_targets:
    PyBuffer_Release(&lengths);
no_lengths:
    PyBuffer_Release(&packets);
no_packets:
    PyBuffer_Release(&fds);
    return result;
}

PyDoc_STRVAR(settle_doc,
"settle(fd, target) -> connected\n\n"
"Connect the socket to target, which spares each send the way to the route; 0 undoes that. The socket must have been\n"
"bound to a port by number, or it loses the port then. The caller still compares the source of what it receives:\n"
"packets that came before may wait in the socket.");

static PyObject *settle(PyObject *self, PyObject *args)
{
    int fd;
    unsigned long long target;
    (void)self;
    if (!PyArg_ParseTuple(args, "iK", &fd, &target))
        return NULL;
    struct sockaddr_in to = {.sin_family = target ? AF_INET : AF_UNSPEC};
    to.sin_addr.s_addr = htonl((uint32_t)(target >> 16));
    to.sin_port = htons((uint16_t)target);
    return PyBool_FromLong(connect(fd, (struct sockaddr *)&to, sizeof to) == 0 && target);
}

static PyMethodDef methods[] = {
    {"receive", receive, METH_VARARGS, receive_doc},
    {"send", send_rows, METH_VARARGS, send_doc},
    {"settle", settle, METH_VARARGS, settle_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "media._batch",
    .m_doc = "The two socket loops of the media plane, compiled.",
    .m_size = 0,
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit__batch(void)
{
    return PyModuleDef_Init(&module);
}
